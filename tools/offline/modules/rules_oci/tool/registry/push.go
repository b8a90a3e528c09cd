package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
)

// uploads is the number of blobs sent at a time: enough to hide a registry's latency, few enough for small ones.
const uploads = 4

// Pusher pushes image layouts.
type Pusher struct {
	Client *Client
	// Nondistributable sends layers that their publisher keeps (media types with "nondistributable" or "foreign") too.
	Nondistributable bool
	Log              func(format string, args ...any) // one line per finished step
}

// Push sends the image in dir by its digest, then sets the tags. It returns the digest.
func (p *Pusher) Push(ctx context.Context, dir layout.Dir, tags []string) (string, error) {
	for _, tag := range tags {
		if err := CheckTag(tag); err != nil {
			return "", err
		}
	}
	_, root, err := dir.Root()
	if err != nil {
		return "", err
	}
	there, err := p.Client.exists(ctx, "/manifests/"+root.Digest)
	if err != nil {
		return "", fmt.Errorf("asking for %s: %w", root.Digest, err)
	}
	if there {
		p.Log("exists %s@%s", p.Client.Repository, root.Digest)
	} else if err := p.content(ctx, dir, root); err != nil {
		return "", err
	}
	for _, tag := range tags {
		if err := p.manifest(ctx, dir, root, tag); err != nil {
			return "", fmt.Errorf("setting tag %q: %w", tag, err)
		}
		p.Log("tagged %s:%s", p.Client.Repository, tag)
	}
	return root.Digest, nil
}

// content sends everything that root reaches: blobs first, then manifests, children before parents.
func (p *Pusher) content(ctx context.Context, dir layout.Dir, root layout.Descriptor) error {
	reached, err := dir.Blobs(root)
	if err != nil {
		return err
	}
	var blobs, manifests []layout.Descriptor
	for _, blob := range reached {
		switch {
		case blob.IsIndex() || blob.MediaType == layout.ManifestType || blob.MediaType == layout.DockerManifestType:
			manifests = append([]layout.Descriptor{blob}, manifests...)
		case p.Nondistributable || !kept(blob.MediaType):
			blobs = append(blobs, blob)
		}
	}
	if err := p.blobs(ctx, dir, blobs); err != nil {
		return err
	}
	for _, manifest := range manifests {
		if err := p.manifest(ctx, dir, manifest, manifest.Digest); err != nil {
			return fmt.Errorf("pushing manifest %s: %w", manifest.Digest, err)
		}
		p.Log("pushed manifest %s", manifest.Digest)
	}
	return nil
}

// kept reports whether a layer's publisher alone may serve it.
func kept(mediaType string) bool {
	return strings.Contains(mediaType, ".nondistributable.") || strings.Contains(mediaType, ".foreign.")
}

func (p *Pusher) blobs(ctx context.Context, dir layout.Dir, blobs []layout.Descriptor) error {
	slots := make(chan struct{}, uploads)
	failures := make([]error, len(blobs))
	var pending sync.WaitGroup
	for i, blob := range blobs {
		pending.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := p.blob(ctx, dir, blob); err != nil {
				failures[i] = fmt.Errorf("pushing blob %s: %w", blob.Digest, err)
			}
		})
	}
	pending.Wait()
	return errors.Join(failures...)
}

// blob sends one blob in one piece, unless the registry has it.
func (p *Pusher) blob(ctx context.Context, dir layout.Dir, blob layout.Descriptor) error {
	there, err := p.Client.exists(ctx, "/blobs/"+blob.Digest)
	if err != nil {
		return err
	}
	if there {
		p.Log("exists blob %s", blob.Digest)
		return nil
	}
	path, err := dir.Path(blob.Digest)
	if err != nil {
		return err
	}
	started, err := p.Client.expect(ctx, http.StatusAccepted, http.MethodPost, p.Client.url("/blobs/uploads/"), nil)
	if err != nil {
		return err
	}
	target, err := uploadTarget(started, blob.Digest)
	if err != nil {
		return err
	}
	_, err = p.Client.expect(ctx, http.StatusCreated, http.MethodPut, target, &body{
		open: func() (io.ReadCloser, error) { return os.Open(path) },
		size: blob.Size,
		kind: "application/octet-stream",
	})
	if err == nil {
		p.Log("pushed blob %s (%d bytes)", blob.Digest, blob.Size)
	}
	return err
}

// uploadTarget resolves the upload's Location, which may be relative, and adds the digest to its query.
func uploadTarget(started *http.Response, digest string) (string, error) {
	location, err := started.Request.URL.Parse(started.Header.Get("Location"))
	if err != nil {
		return "", fmt.Errorf("starting upload: malformed location: %w", err)
	}
	// The registry's own query stays as it is: it may be signed.
	if location.RawQuery != "" {
		location.RawQuery += "&"
	}
	location.RawQuery += "digest=" + url.QueryEscape(digest)
	return location.String(), nil
}

// manifest sends a manifest under a tag or its digest.
func (p *Pusher) manifest(ctx context.Context, dir layout.Dir, desc layout.Descriptor, reference string) error {
	data, err := dir.Read(desc.Digest)
	if err != nil {
		return err
	}
	_, err = p.Client.expect(ctx, http.StatusCreated, http.MethodPut, p.Client.url("/manifests/"+reference), &body{
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		size: int64(len(data)),
		kind: desc.MediaType,
	})
	return err
}
