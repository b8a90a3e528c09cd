package registry

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// What a keeper holds at most, in bytes: of one blob, and of all together.
const (
	keptBlob = 8 << 20
	keptAll  = 32 << 20
)

// keeper reads a small blob once for all who open it. It is for a registry without mounts, which wants the layers that
// images share once for each repository: they are small (a base of a few MB), and their source may be far away. Larger blobs
// are read each time, because a push holds no large layer in memory.
type keeper struct {
	blobs source.Blobs
	blob  int64 // most bytes of one blob

	mu   sync.Mutex
	left int64 // bytes that may still be held
	kept map[string]*kept
}

type kept struct {
	mu   sync.Mutex
	data []byte // nil until it has been read
}

func newKeeper(blobs source.Blobs) *keeper {
	return &keeper{blobs: blobs, blob: keptBlob, left: keptAll, kept: map[string]*kept{}}
}

// Open implements source.Blobs.
func (k *keeper) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	entry := k.entry(blob)
	if entry == nil {
		return k.blobs.Open(ctx, blob)
	}
	entry.mu.Lock()
	defer entry.mu.Unlock()
	if entry.data == nil {
		r, err := k.blobs.Open(ctx, blob)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if entry.data, err = io.ReadAll(r); err != nil {
			entry.data = nil // the next one reads it again
			return nil, err
		}
	}
	return io.NopCloser(bytes.NewReader(entry.data)), nil
}

// entry is nil for a blob that is not kept.
func (k *keeper) entry(blob plan.Blob) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry := k.kept[blob.Digest]
	if entry == nil && blob.Size <= min(k.blob, k.left) {
		entry = &kept{}
		k.kept[blob.Digest], k.left = entry, k.left-blob.Size
	}
	return entry
}
