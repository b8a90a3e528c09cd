package prune

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// nobody is a digest that no manifest has.
var nobody = "sha256:" + strings.Repeat("0", 64)

// Begin implements Store: it writes the journal. That a registry deletes, and lets these credentials do it, shows when it is
// asked to delete what is not there.
func (r *Repository) Begin(ctx context.Context, doomed []Manifest) (func(context.Context) error, error) {
	if len(r.tags) == 0 { // there is no such repository, or it is empty
		return func(context.Context) error { return nil }, nil
	}
	err := r.remove(ctx, r.repo.Digest(nobody))
	switch status(err) {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusTooManyRequests:
		return nil, r.explain("deleting from", err)
	case 0:
		if err != nil {
			return nil, r.explain("deleting from", err)
		}
	}
	if err := r.writeJournal(ctx, doomed); err != nil {
		return nil, err
	}
	return r.endJournal, nil
}

// Delete implements Store. The manifest goes before its tags: while a tag is there, another run finds it.
func (r *Repository) Delete(ctx context.Context, m Manifest) error {
	var moved []string
	check := before(ctx, func() (err error) {
		moved, err = r.moved(ctx, m)
		return err
	})
	gone := false
	switch err := r.remove(check, r.repo.Digest(m.Digest)); {
	case errors.Is(err, ErrMoved):
		return ErrMoved
	case status(err) == http.StatusNotFound:
		gone = true
	case err != nil:
		return r.explain("deleting "+short(m.Digest)+" from", err)
	}
	r.mu.Lock()
	delete(r.known, m.Digest)
	r.mu.Unlock()
	for _, tag := range m.Tags {
		if !slices.Contains(moved, tag) {
			if err := r.Untag(ctx, tag, m.Digest); err != nil && err != ErrMoved {
				return fmt.Errorf("deleting tag %s of %s, whose manifest is gone: %w", tag, r.name, err)
			}
		}
	}
	if gone {
		return ErrGone
	}
	return nil
}

// moved returns those of the manifest's tags that point elsewhere now, and ErrMoved when a tag that was not there when the
// repository was looked at points to it.
func (r *Repository) moved(ctx context.Context, m Manifest) (moved []string, err error) {
	tags, err := r.puller.List(ctx, r.repo)
	if err != nil && status(err) != http.StatusNotFound {
		return nil, r.explain("listing tags of", err)
	}
	r.mu.Lock()
	tags = slices.DeleteFunc(tags, func(tag string) bool { return r.tags[tag] || slices.Contains(m.Tags, tag) })
	r.mu.Unlock()
	for _, tag := range append(tags, m.Tags...) {
		digest, err := r.digest(ctx, tag)
		if err != nil {
			return nil, err
		}
		had := slices.Contains(m.Tags, tag)
		if had && digest != m.Digest {
			moved = append(moved, tag)
		}
		if !had && digest == m.Digest {
			return nil, ErrMoved
		}
	}
	return moved, nil
}

// Untag implements Untagger: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#deleting-tags. It is no
// error when the tag is not there.
func (r *Repository) Untag(ctx context.Context, tag, digest string) error {
	check := before(ctx, func() error {
		now, err := r.digest(ctx, tag)
		switch {
		case err != nil:
			return err
		case now == "":
			return ErrGone
		case now != digest:
			return ErrMoved
		}
		return nil
	})
	err := r.remove(check, r.repo.Tag(tag))
	switch {
	case errors.Is(err, ErrGone):
		return nil
	case errors.Is(err, ErrMoved):
		return ErrMoved
	}
	switch status(err) {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotFound: // 404 and 400: it takes the tag for a digest
		var now string
		if now, err = r.digest(ctx, tag); err == nil && now != "" {
			err = ErrUnsupported
		}
		return err
	}
	if err != nil {
		return r.explain("deleting tag "+tag+" from", err)
	}
	return nil
}

func (r *Repository) remove(ctx context.Context, ref name.Reference) error {
	target := fmt.Sprintf("%s://%s/v2/%s/manifests/%s", r.repo.Scheme(), r.repo.RegistryStr(), r.repo.RepositoryStr(), ref.Identifier())
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, target, nil)
	if err != nil {
		return err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return transport.CheckError(resp, http.StatusOK, http.StatusAccepted, http.StatusNoContent)
}
