package ghcr

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs keeps each repository's apart: go-containerregistry's own finds every blob in every repository.
type blobs struct {
	mu   sync.Mutex
	held map[string][]byte // by "repository@digest"
}

func newBlobs() *blobs { return &blobs{held: map[string][]byte{}} }

// key cuts what go-containerregistry takes for a part of the repository's name when an upload ends.
func key(repository string, h v1.Hash) string {
	return strings.TrimSuffix(repository, "/blobs") + "@" + h.String()
}

// Stat implements registry.BlobStatHandler.
func (b *blobs) Stat(_ context.Context, repository string, h v1.Hash) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.held[key(repository, h)]
	if !ok {
		return 0, registry.ErrNotFound
	}
	return int64(len(data)), nil
}

// Get implements registry.BlobHandler.
func (b *blobs) Get(_ context.Context, repository string, h v1.Hash) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.held[key(repository, h)]
	if !ok {
		return nil, registry.ErrNotFound
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Put implements registry.BlobPutHandler.
func (b *blobs) Put(_ context.Context, repository string, h v1.Hash, r io.ReadCloser) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[key(repository, h)] = data
	return nil
}
