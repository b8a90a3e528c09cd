package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Memory holds content by digest: manifests and configurations, which a descriptor carries along. It must not change
// once it is in use.
type Memory map[string][]byte

// NewMemory holds the manifests and configurations of the descriptors.
func NewMemory(descriptors ...plan.Descriptor) Memory {
	m := Memory{}
	for _, d := range descriptors {
		m[d.Manifest.Digest] = d.Manifest.Data
		m[d.Config.Digest] = d.Config.Data
	}
	return m
}

// Open implements Blobs.
func (m Memory) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	data, ok := m[blob.Digest]
	if !ok {
		return nil, fmt.Errorf("opening blob %s in memory: %w", blob.Digest, fs.ErrNotExist)
	}
	return Verify(io.NopCloser(bytes.NewReader(data)), blob), nil
}
