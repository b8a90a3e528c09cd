package release

import (
	"context"
	"errors"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// todo is what a release has to do.
type todo struct {
	missing  []Service // the version is not there
	unsigned []Service // the version is there without the signer's signatures
}

func (t todo) nothing() bool { return len(t.missing) == 0 && len(t.unsigned) == 0 }

// check holds both registries against what this commit builds.
func (r *Release) check(ctx context.Context) (todo, error) {
	existing, moved := r.existing(ctx, false)
	if existing == nil && moved != nil {
		return todo{}, moved
	}
	err := errors.Join(r.checkTested(ctx, existing), moved)
	if err != nil {
		return todo{}, err
	}
	var t todo
	var there []Service
	for i, s := range r.Services {
		if existing[i] == "" {
			t.missing = append(t.missing, s)
		} else {
			there = append(there, s)
		}
	}
	if r.Signer != nil {
		t.unsigned, err = r.unsigned(ctx, there)
	}
	return t, err
}

// checkTested finds a tag of CI's that points elsewhere: it was forged, or the build is not what it was. One that is gone is an error
// where the version is not there yet; of a version that was released the tag has been looked at, and is pruned some day.
func (r *Release) checkTested(ctx context.Context, existing []string) error {
	var images []registry.Image
	for _, s := range r.Services {
		images = append(images, tagged(s, r.from(s), r.Decision.Tag))
	}
	digests, err := r.Pusher.Digests(ctx, images, true)
	if err != nil {
		return err
	}
	var errs []error
	for i, s := range r.Services {
		if digests[i] == "" && existing[i] == s.Index.Index.Digest {
			continue
		}
		errs = append(errs, r.checkDigest(s, digests[i]))
	}
	return errors.Join(errs...)
}

func (r *Release) checkDigest(s Service, tagged string) error {
	pushAll := "tools/bazelw run --config=ci //services:push_all -- --registry=" + r.Decision.From + " --tag=" + r.Decision.Tag
	switch tagged {
	case s.Index.Index.Digest:
		return nil
	case "":
		return refuse(pushAll, "%s has no tag %s: CI has not pushed this commit for all platforms", r.from(s), r.Decision.Tag)
	}
	for _, d := range s.Index.Images {
		if tagged == d.Manifest.Digest {
			return refuse(pushAll, "tag %s of %s is the image for %s alone: CI has not pushed this commit for all platforms",
				r.Decision.Tag, r.from(s), d.Platform())
		}
	}
	return refuse("git checkout "+r.commit(), "tag %s of %s is %s, this commit builds %s: what was tested is not known",
		r.Decision.Tag, r.from(s), tagged, s.Index.Index.Digest)
}

func (r *Release) commit() string {
	if r.Decision.Commit != "" {
		return r.Decision.Commit
	}
	return r.Decision.Version
}

// existing asks what the version tags point to, "" where they are not there. One that points elsewhere is an error beside them; with
// any other error there are none.
func (r *Release) existing(ctx context.Context, strict bool) ([]string, error) {
	var images []registry.Image
	for _, s := range r.Services {
		images = append(images, tagged(s, r.to(s), r.Decision.Version))
	}
	digests, err := r.Pusher.Digests(ctx, images, strict)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, s := range r.Services {
		if digests[i] != "" && digests[i] != s.Index.Index.Digest {
			errs = append(errs, refuse("", "tag %s of %s is %s, not %s: a version is never moved, release a new one",
				r.Decision.Version, r.to(s), digests[i], s.Index.Index.Digest))
		}
	}
	return digests, errors.Join(errs...)
}

// tagged is enough of an image to ask for it.
func tagged(s Service, repository, tag string) registry.Image {
	return registry.Image{Descriptor: plan.Descriptor{Label: s.Index.Label, Name: s.Index.Name}, Repository: repository, Tags: []string{tag}}
}
