package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kubernaut/kubernaut/test/ghcr"
)

// tags are those of a registry, with digests, by package.
type tags map[string]map[string]string

// close ends the pull request. The run is of main's commit.
func (p *pipeline) close(ctx context.Context, r *report) error {
	r.tag = r.kind.tag("")
	before := p.tags()
	if !slices.ContainsFunc(slices.Collect(maps.Values(before)), func(tags map[string]string) bool { return tags[r.tag] != "" }) {
		return fmt.Errorf("no image has the tag %s; --events=pull,close", r.tag)
	}
	p.registry.SetPullRequest(ghcr.PullRequest{Repository: repository, Number: r.kind.number, State: "closed", Closed: time.Now()})
	_, err := p.workflow(ctx, p.origin.base, r)
	after := p.tags()
	r.images = before.closed(r.tag, after)
	return errors.Join(append(r.checkJobs(), err, before.compare(r.tag, after))...)
}

func (p *pipeline) tags() tags {
	all := tags{}
	for _, image := range p.packages() {
		all[image] = map[string]string{}
		for _, version := range p.registry.Versions(image) {
			for _, tag := range version.Tags {
				all[image][tag] = version.Digest
			}
		}
	}
	return all
}

// closed is how many packages have lost the tag.
func (before tags) closed(tag string, after tags) (n int) {
	for image, was := range before {
		if was[tag] != "" && after[image][tag] == "" {
			n++
		}
	}
	return n
}

// compare says what differs from what the end of a pull request with the tag must leave. GitHub removes no tag without its
// manifest, and no package's last tagged manifest.
func (before tags) compare(tag string, after tags) error {
	var errs []error
	for _, image := range slices.Sorted(maps.Keys(before)) {
		want := maps.Clone(before[image])
		digest := want[tag]
		delete(want, tag)
		if len(want) == 0 || slices.Contains(slices.Collect(maps.Values(want)), digest) {
			want = before[image]
		}
		for _, name := range slices.Sorted(maps.Keys(before[image])) {
			if got := after[image][name]; got != want[name] {
				errs = append(errs, fmt.Errorf("%s:%s is %s, want %s", image, name, cmp.Or(got, "gone"), cmp.Or(want[name], "gone")))
			}
		}
	}
	return errors.Join(errs...)
}
