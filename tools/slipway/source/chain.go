package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// patience is how many blobs in a row a source may fail with before it is left alone.
const patience = 3

// Named is a source with the name that messages call it by: "the image layout of //services/gateway:image".
type Named struct {
	Name  string
	Blobs Blobs
}

// Chain tries sources in order. That a source lacks a blob is normal and leads to the next one in silence. A source that
// fails is reported once, and the next one is tried:
//
//   - A source that fails in the middle of a blob is replaced by the next one at the same byte. The reader's user sees one
//     stream, whose digest is verified as a whole.
//   - A source whose bytes are wrong is not asked for that blob again. Bytes that a reader gave away cannot be taken back, so
//     reading ends in a CorruptError; who opens the blob again gets it from the next source.
//   - A source that cannot be used at all (EndpointError), or fails with three blobs in a row, is not asked again: a cache that hangs
//     costs its timeout once, not with each blob.
//
// A Chain is safe for concurrent use and must not be copied after its first Open.
type Chain struct {
	Sources []Named
	Report  func(source string, err error)               // called once for each source that fails; nil is silence
	Label   func(blob plan.Blob) (label string, ok bool) // the image that a blob belongs to; nil knows none

	mu     sync.Mutex
	states map[int]*state // by index in Sources
}

// state is what a chain remembers of a source that failed.
type state struct {
	row   int                      // failures without a success in between
	out   error                    // why it is not asked any more; nil while it is
	wrong map[string]*CorruptError // by digest
}

// Open implements Blobs. Its error is a *MissingError when no source has the blob, and so is a read's when none has the
// rest; where a source had it with other bytes, the last *CorruptError.
func (c *Chain) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	s := &chained{chain: c, ctx: ctx, blob: blob, missing: &MissingError{Blob: blob}}
	if err := s.next(); err != nil {
		return nil, err
	}
	s.first = s.source
	return &checked{ReadCloser: Verify(s, blob), stream: s}, nil
}

// usable reports whether source i may be asked for a blob; else why not.
func (c *Chain) usable(i int, blob plan.Blob) (ok bool, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.states[i]
	if st == nil {
		return true, nil
	}
	if wrong := st.wrong[blob.Digest]; wrong != nil {
		return false, wrong
	}
	return st.out == nil, st.out
}

func (c *Chain) succeeded(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.states[i]; st != nil {
		st.row = 0
	}
}

func (c *Chain) failed(i int, blob plan.Blob, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.states[i]
	if st == nil {
		st = &state{wrong: map[string]*CorruptError{}}
		if c.states == nil {
			c.states = map[int]*state{}
		}
		c.states[i] = st
		if c.Report != nil {
			c.Report(c.Sources[i].Name, err)
		}
	}
	var endpoint *EndpointError
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		st.wrong[blob.Digest] = c.named(i, corrupt)
	}
	if st.row++; errors.As(err, &endpoint) || st.row >= patience {
		st.out = err
	}
}

// wrong notes that source i has wrong bytes, and returns err with what the chain knows of them.
func (c *Chain) wrong(i int, err *CorruptError) error {
	c.failed(i, err.Blob, err)
	named := c.named(i, err)
	for j := range c.Sources {
		ok, _ := c.usable(j, err.Blob)
		named.Again = named.Again || ok
	}
	return named
}

// named is err with the names of source i and of the image.
func (c *Chain) named(i int, err *CorruptError) *CorruptError {
	named := *err
	named.Source = c.Sources[i].Name
	if c.Label != nil {
		named.Label, _ = c.Label(err.Blob)
	}
	return &named
}

// MissingError is a blob that no source has. It is an fs.ErrNotExist.
type MissingError struct {
	Blob  plan.Blob
	Label string // of the image; empty when nobody knows
	Cause error  // of the last source that failed; nil when all of them merely lack the blob
}

// Command brings the blob onto this machine.
func (e *MissingError) Command() string {
	return "tools/bazelw build --remote_download_outputs=toplevel " + cmp.Or(e.Label, "<image>")
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
