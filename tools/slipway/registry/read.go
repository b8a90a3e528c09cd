package registry

import (
	"context"
	"errors"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Digests asks what each image's first tag points to, with a token that can only read; their descriptors need only a label.
// "" is a tag that is not there. strict tells a registry that does not let these credentials look from one that lacks the tag:
// many answer 401 or 403 for a repository that nobody has pushed to yet.
func (p *Pusher) Digests(ctx context.Context, images []Image, strict bool) ([]string, error) {
	digests := make([]string, len(images))
	err := p.read(ctx, images, func(s *session, i int, st *state) error {
		head, err := s.puller.Head(ctx, st.repo.Tag(st.image.Tags[0]))
		if err == nil {
			digests[i] = head.Digest.String()
		}
		return unlessAbsent(err, strict)
	})
	return digests, err
}

// Existing opens what each image's first tag points to, nil where it is not there. What is read of it later is read with ctx.
func (p *Pusher) Existing(ctx context.Context, images []Image) ([]v1.Image, error) {
	found := make([]v1.Image, len(images))
	err := p.read(ctx, images, func(s *session, i int, st *state) error {
		got, err := s.puller.Get(ctx, st.repo.Tag(st.image.Tags[0]))
		if err == nil {
			found[i], err = got.Image()
		}
		return unlessAbsent(err, false)
	})
	return found, err
}

// read does something for each image, whose place in images is i.
func (p *Pusher) read(ctx context.Context, images []Image, do func(s *session, i int, st *state) error) error {
	index := map[string]int{}
	for i, image := range images {
		index[image.Repository+":"+image.Tags[0]] = i
	}
	var errs []error
	for _, group := range byRegistry(images) {
		s, err := p.open(ctx, group, scopes(group, "pull"))
		if err == nil {
			s.reading = true
			if err = s.parse(); err == nil {
				err = s.each(func(st *state) error { return do(s, index[st.image.Repository+":"+st.image.Tags[0]], st) })
			}
			p.asked.Add(s.meter.requests.Load())
		}
		errs = append(errs, reading(err))
	}
	if err := errors.Join(errs...); err == nil || ctx.Err() == nil {
		return err
	}
	return ctx.Err() // each image failed of it
}

// unlessAbsent drops the error that says that something is not there.
func unlessAbsent(err error, strict bool) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		if !strict {
			return nil
		}
	}
	return err
}

// reading corrects an error from before it was known that nothing would be written.
func reading(err error) error {
	var denied *DeniedError
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &denied):
		denied.Reading = true
	case errors.As(err, &unreachable):
		unreachable.Reading = true
	}
	return err
}
