package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// state is what is known about an image in the registry.
type state struct {
	image   Image
	repo    name.Repository
	present bool             // the manifest is there, hence all of its blobs are
	tags    []string         // tags that do not point to the manifest yet
	unsure  []name.Reference // written, and the registry's answer did not say what is there

	mu    sync.Mutex
	blobs map[string]outcome // by digest; of images that were not present
}

// lacks reports whether there is something to write.
func (st *state) lacks() bool { return !st.present || len(st.tags) > 0 }

// look asks for each image's manifest.
func (s *session) look(ctx context.Context) error {
	step := s.progress.Step("asking "+s.registry, 0)
	if err := s.parse(); err != nil {
		return err
	}
	err := s.each(func(st *state) error { return s.lookAt(ctx, st) })
	there := 0
	for _, st := range s.states {
		if st.present {
			there++
		}
		if s.denied != nil && (err != nil || st.lacks()) {
			err = s.denied
		}
	}
	if err != nil {
		step.Fail(err)
		return err
	}
	step.Done(fmt.Sprintf("%s, %d there", progress.Count(len(s.states), "image"), there))
	return nil
}

// parse makes a state of each image.
func (s *session) parse() error {
	var states []*state
	for _, image := range s.images {
		repo, err := name.NewRepository(image.Repository)
		if err != nil {
			return err
		}
		states = append(states, &state{image: image, repo: repo, blobs: map[string]outcome{}})
	}
	s.states = states
	return nil
}

// lookAt asks by tag first: for an unchanged image this one answer says all.
func (s *session) lookAt(ctx context.Context, st *state) error {
	digest := st.image.Descriptor.Manifest.Digest
	for _, tag := range st.image.Tags {
		there, err := s.points(ctx, st.repo.Tag(tag), digest)
		if err != nil {
			return err
		}
		if there {
			st.present = true
		} else {
			st.tags = append(st.tags, tag)
		}
	}
	if st.present {
		return nil
	}
	var err error
	st.present, err = s.points(ctx, st.repo.Digest(digest), digest)
	switch subject := subjectOf(st.image); {
	case err == nil && st.present && subject != "":
		st.present, err = s.listed(ctx, st, subject)
	case err == nil && !st.present && st.image.Mounted:
		err = fmt.Errorf("%s is not there", digest)
	}
	return err
}

// each does something for all images, some at a time.
func (s *session) each(do func(*state) error) error { return s.eachOf(s.states, do) }

func (s *session) eachOf(states []*state, do func(*state) error) error {
	errs := make([]error, len(states))
	var g errgroup.Group
	g.SetLimit(s.jobs * smallPerJob)
	for i, st := range states {
		g.Go(func() error { errs[i] = s.explain(st.image, do(st)); return nil })
	}
	g.Wait()
	return errors.Join(errs...)
}

// points reports whether ref is there and has the digest. An answer without a usable digest counts as no: what follows is
// right in either case. So does 403, which some registries give for a repository that does not exist yet; a token that
// cannot write is found out by the upload.
func (s *session) points(ctx context.Context, ref name.Reference, digest string) (bool, error) {
	got, err := s.puller.Head(ctx, ref)
	if err == nil {
		return got.Digest.String() == digest, nil
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusForbidden {
			return false, nil
		}
		return false, err
	}
	if unreachable(err) || ctx.Err() != nil {
		return false, err
	}
	return false, nil
}
