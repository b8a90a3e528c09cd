package registry

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// content is a blob's bytes on their way, opened anew for each attempt.
type content struct {
	blob  plan.Blob
	blobs source.Blobs
	step  progress.Step
	shown atomic.Int64 // bytes told to step by the attempt that is running
}

func (c *content) open(ctx context.Context) (io.ReadCloser, error) {
	r, err := c.blobs.Open(ctx, c.blob)
	if err != nil {
		return nil, &sourceError{err}
	}
	c.step.Add(-c.shown.Swap(0))
	return &shownReader{ReadCloser: r, content: c}, nil
}

// sourceError marks what is the source's fault, so that it is neither retried nor taken for the registry's.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// corruption is err when it comes from a source whose bytes were wrong, nil for any other.
func corruption(err error) error {
	var corrupt *source.CorruptError
	if errors.As(err, &corrupt) {
		return err
	}
	return nil
}

type shownReader struct {
	io.ReadCloser
	content *content
}

func (r *shownReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.content.shown.Add(int64(n))
	r.content.step.Add(int64(n))
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

func inMemory(d plan.Descriptor, rest source.Blobs) source.Blobs {
	return first{source.NewMemory(d), rest}
}

// first looks into the descriptor before it goes to the disk or the network.
type first struct {
	memory source.Memory
	rest   source.Blobs
}

// Open implements source.Blobs.
func (f first) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	r, err := f.memory.Open(ctx, blob)
	if errors.Is(err, fs.ErrNotExist) {
		return f.rest.Open(ctx, blob)
	}
	return r, err
}
