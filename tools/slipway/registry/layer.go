package registry

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// layer is a v1.Layer that opens its blob each time it is read, so that a retry starts from the first byte.
type layer struct {
	ctx    context.Context // of the upload; v1.Layer's methods take none
	blob   plan.Blob
	blobs  source.Blobs
	step   progress.Step
	opened atomic.Bool
	shown  atomic.Int64 // bytes told to step by the attempt that is running
}

var errNotNeeded = errors.New("a push does not need uncompressed layers")

func (l *layer) Digest() (v1.Hash, error)             { return v1.NewHash(l.blob.Digest) }
func (l *layer) Size() (int64, error)                 { return l.blob.Size, nil }
func (l *layer) MediaType() (types.MediaType, error)  { return types.MediaType(l.blob.MediaType), nil }
func (l *layer) DiffID() (v1.Hash, error)             { return v1.Hash{}, errNotNeeded }
func (l *layer) Uncompressed() (io.ReadCloser, error) { return nil, errNotNeeded }

func (l *layer) Compressed() (io.ReadCloser, error) {
	r, err := l.blobs.Open(l.ctx, l.blob)
	if err != nil {
		return nil, &sourceError{err}
	}
	l.opened.Store(true)
	l.step.Add(-l.shown.Swap(0))
	return &shownReader{ReadCloser: r, layer: l}, nil
}

// sourceError marks what is the source's fault, so that it is neither retried nor taken for the registry's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

type shownReader struct {
	io.ReadCloser
	layer *layer
}

func (r *shownReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.layer.shown.Add(int64(n))
	r.layer.step.Add(int64(n))
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// Open implements source.Blobs.
func (f first) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	r, err := f.memory.Open(ctx, blob)
	if errors.Is(err, fs.ErrNotExist) {
		return f.rest.Open(ctx, blob)
	}
	return r, err
}
