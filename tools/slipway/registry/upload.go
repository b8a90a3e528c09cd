package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// outcome is what became of a blob.
type outcome int

const (
	present outcome = iota
	sent
	mounted
)

// owners names for each blob the image from whose repository the others mount it: one that is there already, else the
// first that brings it.
func owners(states []*state) map[string]*state {
	owner := map[string]*state{}
	for _, st := range states {
		for _, b := range st.image.Descriptor.Blobs() {
			if o, ok := owner[b.Digest]; !ok || (st.present && !o.present) {
				owner[b.Digest] = st
			}
		}
	}
	return owner
}

// upload brings the blobs of the images that are not there: first each blob to its owner, then to those that mount it.
func (s *session) upload(ctx context.Context, states []*state) error {
	s.outcomes = states
	owner := owners(states)
	uploads := make([]*imageUpload, 0, len(states))
	for _, st := range states {
		if !st.present {
			uploads = append(uploads, s.newUpload(st))
		}
	}
	for _, own := range []bool{true, false} {
		var g errgroup.Group
		g.SetLimit(s.jobs)
		for _, u := range uploads {
			for _, b := range u.state.image.Descriptor.Blobs() {
				if (owner[b.Digest] == u.state) == own {
					g.Go(func() error { u.fail(u.blob(ctx, b, owner[b.Digest])); return nil })
				}
			}
		}
		g.Wait()
	}
	var errs []error
	for _, u := range uploads {
		errs = append(errs, u.end())
	}
	return errors.Join(errs...)
}

// imageUpload is the upload of one image's blobs.
type imageUpload struct {
	session *session
	state   *state
	step    progress.Step
	err     error // the first one; guarded by state.mu
}

func (s *session) newUpload(st *state) *imageUpload {
	var total int64
	for _, b := range st.image.Descriptor.Blobs() {
		total += b.Size
	}
	return &imageUpload{session: s, state: st, step: s.progress.Step("push "+st.image.Descriptor.Name, total)}
}

func (u *imageUpload) fail(err error) {
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	if u.err == nil {
		u.err = err
	}
}

func (u *imageUpload) end() error {
	if u.err != nil {
		u.step.Fail(u.err)
		return u.session.explain(u.state.image, u.err)
	}
	var r Result
	u.state.count(&r)
	u.step.Done(fmt.Sprintf("%s sent, %d mounted, %d there, %s of layers", progress.Count(r.BlobsSent, "blob"), r.BlobsMounted, r.BlobsPresent, progress.Bytes(r.LayerBytes)))
	return nil
}

// blob uploads b unless the repository has it, or mounts it from owner's.
func (u *imageUpload) blob(ctx context.Context, b plan.Blob, owner *state) error {
	l := &layer{ctx: ctx, blob: b, blobs: u.session.source(u.state.image.Descriptor), step: u.step}
	var what v1.Layer = l
	if owner.repo != u.state.repo {
		what = &remote.MountableLayer{Layer: l, Reference: owner.repo.Digest(b.Digest)}
	}
	if err := u.session.pusher.Upload(ctx, u.state.repo, what); err != nil {
		return err
	}
	how := present
	if l.opened.Load() {
		how = sent
	} else {
		u.step.Add(b.Size)
		if u.session.meter.wasMounted(u.state.repo.RepositoryStr(), b.Digest) {
			how = mounted
		}
	}
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	u.state.blobs[b.Digest] = how
	return nil
}

// source looks into the descriptor before it goes to the disk or the network.
func (s *session) source(d plan.Descriptor) source.Blobs {
	return first{source.NewMemory(d), s.blobs}
}

type first struct {
	memory source.Memory
	rest   source.Blobs
}

// write puts manifests by digest, then tags; no tag before every manifest is there.
func (s *session) write(ctx context.Context, states []*state) error {
	if err := s.each(states, func(st *state) error {
		if st.present {
			return nil
		}
		return s.put(ctx, st, st.repo.Digest(st.image.Descriptor.Manifest.Digest))
	}); err != nil {
		return err
	}
	return s.each(states, func(st *state) error {
		for _, tag := range st.tags {
			if err := s.put(ctx, st, st.repo.Tag(tag)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) put(ctx context.Context, st *state, ref name.Reference) error {
	return s.pusher.Put(ctx, ref, manifest(st.image.Descriptor.Manifest))
}

func (s *session) each(states []*state, do func(*state) error) error {
	errs := make([]error, len(states))
	var g errgroup.Group
	g.SetLimit(s.jobs)
	for i, st := range states {
		g.Go(func() error { errs[i] = s.explain(st.image, do(st)); return nil })
	}
	g.Wait()
	return errors.Join(errs...)
}

// count adds the state's blobs to r.
func (st *state) count(r *Result) {
	layers := map[string]bool{}
	for _, l := range st.image.Descriptor.Layers {
		layers[l.Digest] = true
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, b := range st.image.Descriptor.Blobs() {
		how, known := st.blobs[b.Digest]
		switch {
		case !known && !st.present:
		case how == sent:
			r.BlobsSent++
			if layers[b.Digest] {
				r.LayerBytes += b.Size
			}
		case how == mounted:
			r.BlobsMounted++
		default:
			r.BlobsPresent++
		}
	}
}

// manifest is a remote.Taggable.
type manifest plan.Content

func (m manifest) RawManifest() ([]byte, error)        { return m.Data, nil }
func (m manifest) MediaType() (types.MediaType, error) { return types.MediaType(m.Blob.MediaType), nil }
