package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// writeManifests puts manifests by digest, those that others refer to first.
func (s *session) writeManifests(ctx context.Context) error {
	for _, wave := range waves(s.states) {
		err := s.eachOf(wave, func(st *state) error {
			if st.present {
				return nil
			}
			return s.put(ctx, st, st.repo.Digest(st.image.Descriptor.Manifest.Digest))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTags puts manifests by tag.
func (s *session) writeTags(ctx context.Context) error {
	return s.each(func(st *state) error {
		for _, tag := range st.tags {
			if err := s.put(ctx, st, st.repo.Tag(tag)); err != nil {
				return err
			}
		}
		return nil
	})
}

// put writes the image's manifest. When the registry has lost blobs since it was asked for them, it gets them once more, and
// the manifest again.
func (s *session) put(ctx context.Context, st *state, ref name.Reference) error {
	d := st.image.Descriptor
	err := s.putManifest(ctx, st, ref)
	lost := unknownBlobs(err, d)
	if len(lost) == 0 {
		return err
	}
	again := &imageUpload{session: s, state: st, step: s.progress.Step("push "+st.image.title()+" again", 0)}
	for _, b := range lost {
		// Not asked for with HEAD: its answer was wrong before.
		if _, err := again.transfer(ctx, b, ""); err != nil {
			again.step.Fail(err)
			return err
		}
		st.blobs[b.Digest] = sent
	}
	again.step.Done("the registry had lost blobs")
	return s.putManifest(ctx, st, ref)
}

// putManifest writes the image's manifest with one request. An answer that names its digest spares the look of verify. A manifest
// with a subject is left to go-containerregistry, which keeps the list of a registry without the referrers API:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests-with-subject.
func (s *session) putManifest(ctx context.Context, st *state, ref name.Reference) error {
	m := st.image.Descriptor.Manifest
	if subjectOf(st.image) != "" {
		st.unsure = append(st.unsure, ref)
		return s.pusher.Put(ctx, ref, manifest(m))
	}
	resp, err := s.do(ctx, http.MethodPut, s.url(st.repo, "/manifests/"+ref.Identifier()), func(req *http.Request) error {
		req.Header.Set("Content-Type", m.MediaType)
		req.ContentLength = m.Size
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.Data)), nil }
		req.Body, _ = req.GetBody()
		return nil
	})
	if err == nil {
		err = check(resp, http.StatusOK, http.StatusCreated, http.StatusAccepted)
	}
	if err == nil && resp.Header.Get("Docker-Content-Digest") != m.Digest {
		st.unsure = append(st.unsure, ref)
	}
	return err
}

// unknownBlobs are the image's blobs that the registry refuses the manifest for. A refusal that names none may mean any.
func unknownBlobs(err error, d plan.Descriptor) []plan.Blob {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return nil
	}
	said, refused := "", false
	for _, diagnostic := range answer.Errors {
		switch diagnostic.Code {
		case transport.ManifestBlobUnknownErrorCode, transport.BlobUnknownErrorCode:
			refused = true
			said += diagnostic.String()
		}
	}
	if !refused {
		return nil
	}
	var named []plan.Blob
	for _, b := range d.Blobs() {
		if strings.Contains(said, b.Digest) {
			named = append(named, b)
		}
	}
	if len(named) == 0 {
		return d.Blobs()
	}
	return named
}

// looks is how often a reference that was written is asked for: a registry of several servers may take a moment.
const looks = 3

// verify asks for what was written without a word of the registry about what it has there.
func (s *session) verify(ctx context.Context) error {
	return s.each(func(st *state) error {
		for _, ref := range st.unsure {
			if _, byDigest := ref.(name.Digest); byDigest && len(st.tags) > 0 {
				continue // a tag that is there says it, too
			}
			if err := s.confirm(ctx, ref, st.image.Descriptor.Manifest.Digest); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) confirm(ctx context.Context, ref name.Reference, digest string) error {
	for look := 1; ; look++ {
		there, err := s.points(ctx, ref, digest)
		switch {
		case err != nil || there:
			return err
		case look == looks:
			return fmt.Errorf("%s was written, but the registry does not have %s there", ref.Identifier(), digest)
		}
		if err := sleep(ctx, s.backoff); err != nil {
			return err
		}
	}
}

// manifest is a remote.Taggable.
type manifest plan.Content

func (m manifest) RawManifest() ([]byte, error)        { return m.Data, nil }
func (m manifest) MediaType() (types.MediaType, error) { return types.MediaType(m.Blob.MediaType), nil }
