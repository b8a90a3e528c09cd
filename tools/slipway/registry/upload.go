package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
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

// upload brings the blobs of the images that are not there: first each blob to its owner, then to those that mount it, which
// are asked meanwhile whether they have it.
func (s *session) upload(ctx context.Context) error {
	owner := owners(s.states)
	var uploads []*imageUpload
	for _, st := range s.states {
		if !st.present && len(st.image.Descriptor.Blobs()) > 0 {
			uploads = append(uploads, s.newUpload(st))
		}
	}
	bearer := bearers(uploads)
	for _, own := range []bool{true, false} {
		var g errgroup.Group // without a limit: what waits for a layer's turn keeps nobody from asking
		for _, u := range uploads {
			for _, b := range u.state.image.Descriptor.Blobs() {
				if bearer[u.place(b)] != u {
					continue
				}
				if mine := owner[b.Digest] == u.state; own {
					g.Go(func() error { u.fail(u.blob(ctx, b, mine)); return nil })
				} else if u.lacks(b) {
					g.Go(func() error { u.fail(u.bring(ctx, b, owner[b.Digest])); return nil })
				}
			}
		}
		g.Wait()
	}
	var errs []error
	for _, u := range uploads {
		u.share(bearer)
		errs = append(errs, u.end())
	}
	return errors.Join(errs...)
}

// place is a blob in a repository.
type place struct{ repository, digest string }

func (u *imageUpload) place(b plan.Blob) place { return place{u.state.repo.Name(), b.Digest} }

// bearers names for each blob the first upload to its repository: the images of an index share one, and their base.
func bearers(uploads []*imageUpload) map[place]*imageUpload {
	first := map[place]*imageUpload{}
	for _, u := range uploads {
		for _, b := range u.state.image.Descriptor.Blobs() {
			if first[u.place(b)] == nil {
				first[u.place(b)] = u
			}
		}
	}
	return first
}

// share takes note of what other images have brought to the same repository.
func (u *imageUpload) share(bearer map[place]*imageUpload) {
	for _, b := range u.state.image.Descriptor.Blobs() {
		if other := bearer[u.place(b)]; other != u && other.err == nil {
			u.became(b, present)
		}
	}
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
	return &imageUpload{session: s, state: st, step: s.progress.Step("push "+st.image.title(), total)}
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

// blob asks for b, and brings it when the repository lacks it and mine says that it is the blob's owner.
func (u *imageUpload) blob(ctx context.Context, b plan.Blob, mine bool) error {
	if ctx.Err() != nil {
		return ctx.Err() // no request that cannot succeed
	}
	there, err := u.asks(ctx, b)
	switch {
	case err != nil:
		return err
	case there:
		u.became(b, present)
	case mine:
		return u.bring(ctx, b, u.state)
	}
	return nil
}

func (u *imageUpload) asks(ctx context.Context, b plan.Blob) (there bool, err error) {
	leave, err := enter(ctx, u.session.asking)
	if err != nil {
		return false, err
	}
	defer leave()
	return u.session.blobExists(ctx, u.state.repo, b.Digest)
}

// bring mounts or sends a blob that the repository lacks.
func (u *imageUpload) bring(ctx context.Context, b plan.Blob, owner *state) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	how, err := u.transfer(ctx, b, u.session.mountable(u.state, b, owner))
	if err == nil {
		u.became(b, how)
	}
	return err
}

func (u *imageUpload) became(b plan.Blob, how outcome) {
	if how != sent {
		u.step.Add(b.Size)
	}
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	u.state.blobs[b.Digest] = how
}

// lacks tells whether b is still to be brought, and nothing has failed.
func (u *imageUpload) lacks(b plan.Blob) bool {
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	_, known := u.state.blobs[b.Digest]
	return !known && u.err == nil
}

// mountable is the repository that st may take b over from, "" when there is none: the owner's, or one that b comes from.
func (s *session) mountable(st *state, b plan.Blob, owner *state) string {
	if owner.repo != st.repo {
		return owner.repo.RepositoryStr()
	}
	if from := neighbours(st.image, b); len(from) > 0 {
		return from[0].RepositoryStr()
	}
	return ""
}

// neighbours are b's upstreams in the registry that the image goes to.
func neighbours(image Image, b plan.Blob) (repositories []name.Repository) {
	to, err := name.NewRepository(image.Repository)
	if err != nil {
		return nil // look says so
	}
	for _, upstream := range image.Descriptor.Upstreams[b.Digest] {
		from, err := name.NewRepository(upstream)
		if err == nil && from.RegistryStr() == to.RegistryStr() && from.RepositoryStr() != to.RepositoryStr() {
			repositories = append(repositories, from)
		}
	}
	return repositories
}

// transfer mounts or sends a blob, again from its first byte when that is of use.
func (u *imageUpload) transfer(ctx context.Context, b plan.Blob, from string) (outcome, error) {
	c := &content{blob: b, blobs: inMemory(u.state.image.Descriptor, u.session.blobs), step: u.step}
	wait := u.session.backoff
	var corrupt error // of a source that a source.Chain does not ask again
	for attempt := 1; ; attempt++ {
		how, err := u.try(ctx, c, from)
		delay, again := beginAgain(err, wait)
		switch {
		case corrupt != nil && errors.Is(err, fs.ErrNotExist):
			return how, corrupt // that says more than that no other source has it
		case err == nil || !again || attempt == uploads || ctx.Err() != nil:
			return how, err
		}
		if err := sleep(ctx, spread(delay)); err != nil {
			return how, err
		}
		corrupt = corruption(err)
		wait *= 2
	}
}

func (u *imageUpload) try(ctx context.Context, c *content, from string) (outcome, error) {
	s := u.session
	location, err := u.begin(ctx, c.blob, from)
	if err != nil {
		return present, err
	}
	if location == "" {
		return mounted, nil
	}
	if from != "" {
		c.blobs = inMemory(u.state.image.Descriptor, s.kept)
	}
	places := s.sending
	if c.blob.Digest == u.state.image.Descriptor.Config.Digest {
		places = s.asking
	}
	leave, err := enter(ctx, places)
	if err != nil {
		return present, err
	}
	defer leave()
	return sent, s.send(ctx, location, c.blob, func() (io.ReadCloser, error) { return c.open(ctx) })
}

// begin opens an upload, or mounts the blob, which leaves no location.
func (u *imageUpload) begin(ctx context.Context, b plan.Blob, from string) (location string, err error) {
	leave, err := enter(ctx, u.session.asking)
	if err != nil {
		return "", err
	}
	defer leave()
	location, err = u.session.begin(ctx, u.state.repo, b.Digest, from)
	var answer *answerError
	if from != "" && errors.As(err, &answer) && !busy(answer.refusal.StatusCode) {
		// Some registries answer a mount that they do not do with an error instead of an upload:
		// https://github.com/google/go-containerregistry/issues/1404.
		return u.session.begin(ctx, u.state.repo, b.Digest, "")
	}
	return location, err
}

// enter waits for one of the places, until leave or the end of ctx.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
