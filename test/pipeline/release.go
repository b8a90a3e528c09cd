package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// owner has the images in the registry of releases.
const owner = "kubernaut"

// release gives a version to the commit that was pushed to main.
func (p *pipeline) release(ctx context.Context, r *report) error {
	if p.main == "" {
		return errors.New("nothing was pushed to main that could be released; --events=push,release")
	}
	r.tag = r.kind.tag(p.main)
	before, _ := moved(p.registry)
	_, err := p.workflow(ctx, p.main, r)
	errs := append(r.checkJobs(), err)
	if after, _ := moved(p.registry); after > before {
		errs = append(errs, fmt.Errorf("%s were sent to CI's registry", progress.Bytes(after-before)))
	}
	tested := kind{}.tag(p.main)
	services := p.origin.services()
	for _, image := range p.packages() {
		short := strings.TrimPrefix(image, repository+"/")
		if p.registry.Digest(image, tested+"-all") == "" {
			continue // no service's: what only tests run is not released
		}
		services = slices.DeleteFunc(services, func(s string) bool { return s == short })
		if err := p.released(ctx, short, tested, r.tag); err != nil {
			errs = append(errs, err)
			continue
		}
		r.images++
	}
	if len(services) > 0 {
		errs = append(errs, fmt.Errorf("services that main has not pushed for all platforms: %q", services))
	}
	return errors.Join(errs...)
}

// released holds an image's version against what main has pushed, by the tag, and its suites have run.
func (p *pipeline) released(ctx context.Context, image, tag, version string) error {
	from, to := repository+"/"+image, owner+"/"+image
	digest := p.releases.Digest(to, version)
	if want := p.registry.Digest(from, tag+"-all"); digest != want {
		return fmt.Errorf("%s:%s is %s, want %s as main has pushed", to, version, cmp.Or(digest, "not there"), want)
	}
	reference, err := name.NewDigest(p.releases.Host + "/" + to + "@" + digest)
	if err != nil {
		return err
	}
	index, err := remote.Index(reference, remote.WithContext(ctx), remote.WithAuth(&authn.Basic{Username: robot, Password: robotToken}))
	if err != nil {
		return fmt.Errorf("reading %s:%s: %w", to, version, err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("reading %s:%s: %w", to, version, err)
	}
	if tested := p.registry.Digest(from, tag); !slices.ContainsFunc(list.Manifests, func(d v1.Descriptor) bool { return d.Digest.String() == tested }) {
		return fmt.Errorf("%s:%s has no image %s, which was tested", to, version, cmp.Or(tested, "at all"))
	}
	if n := len(list.Manifests); n != 2 {
		return fmt.Errorf("%s:%s has %s, want one for each of 2 platforms", to, version, progress.Count(n, "image"))
	}
	for _, signed := range append(digests(list.Manifests), digest) {
		if p.releases.Digest(to, strings.Replace(signed, ":", "-", 1)+".sig") == "" {
			return fmt.Errorf("%s@%s is not signed", to, signed)
		}
	}
	return nil
}

func digests(list []v1.Descriptor) (all []string) {
	for _, d := range list {
		all = append(all, d.Digest.String())
	}
	return all
}
