package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Named is a source with the name that messages call it by: "the image layout of //services/gateway:image".
type Named struct {
	Name  string
	Blobs Blobs
}

// Chain tries sources in order. That a source lacks a blob is normal and leads to the next one in silence; a source that
// fails is reported once, then the next one is tried, for later blobs too: a cache may fail on one blob alone. An error
// while reading is final, since part of the bytes is gone by then; who opens again starts with the first source.
//
// A Chain is safe for concurrent use and must not be copied after its first Open.
type Chain struct {
	Sources []Named
	Report  func(source string, err error)               // called once for each source that fails; nil is silence
	Label   func(blob plan.Blob) (label string, ok bool) // the image that a blob belongs to; nil knows none

	mu       sync.Mutex
	reported map[string]bool
}

// Open implements Blobs. Its error is a *MissingError when no source has the blob.
func (c *Chain) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	missing := &MissingError{Blob: blob}
	for _, s := range c.Sources {
		reader, err := s.Blobs.Open(ctx, blob)
		if err == nil {
			return reader, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			c.report(s.Name, err)
			missing.Cause = err
		}
	}
	if c.Label != nil {
		missing.Label, _ = c.Label(blob)
	}
	return nil, missing
}

func (c *Chain) report(source string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Report == nil || c.reported[source] {
		return
	}
	if c.reported == nil {
		c.reported = map[string]bool{}
	}
	c.reported[source] = true
	c.Report(source, err)
}

// MissingError is a blob that no source has. It is an fs.ErrNotExist.
type MissingError struct {
	Blob  plan.Blob
	Label string // of the image; empty when nobody knows
	Cause error  // of the last source that failed; nil when all of them merely lack the blob
}

// Command brings the blob onto this machine.
func (e *MissingError) Command() string {
	label := e.Label
	if label == "" {
		label = "<image>"
	}
	return "tools/bazelw build --remote_download_outputs=toplevel " + label
}

func (e *MissingError) Error() string {
	cause := ""
	if e.Cause != nil {
		cause = fmt.Sprintf(" (%v)", e.Cause)
	}
	return fmt.Sprintf("blob %s of %d bytes is nowhere to be found%s", e.Blob.Digest, e.Blob.Size, cause)
}

func (e *MissingError) Unwrap() []error {
	if e.Cause == nil {
		return []error{fs.ErrNotExist}
	}
	return []error{fs.ErrNotExist, e.Cause}
}
