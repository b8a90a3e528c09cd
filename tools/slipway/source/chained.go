package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// resumer is a source that can begin in the middle of a blob. What it returns is not verified.
type resumer interface {
	openFrom(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error)
}

// chained reads one blob from the sources of a chain, one after the other. It does not verify.
type chained struct {
	chain   *Chain
	ctx     context.Context
	blob    plan.Blob
	missing *MissingError
	corrupt error // a source that has other bytes; nil when none has

	source int // that cur reads from
	asked  int // the next one to ask
	first  int // the source of the first byte
	at     int64
	skip   int64 // of cur, which came already from another source
	cur    io.ReadCloser
}

// next opens the blob at s.at in the next source that has it.
func (s *chained) next() error {
	for ; s.asked < len(s.chain.Sources); s.asked++ {
		ok, why := s.chain.usable(s.asked, s.blob)
		if !ok {
			s.note(why)
			continue
		}
		err := s.open(s.chain.Sources[s.asked].Blobs)
		if err == nil {
			s.source = s.asked
			s.asked++
			return nil
		}
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			s.chain.failed(s.asked, s.blob, err)
			s.note(err)
		}
	}
	if s.corrupt != nil {
		return s.corrupt
	}
	if s.chain.Label != nil {
		s.missing.Label, _ = s.chain.Label(s.blob)
	}
	return s.missing
}

// note keeps what is worth saying when no other source has the blob.
func (s *chained) note(err error) {
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		s.corrupt = err
	}
	s.missing.Cause = err
}

// open takes the bytes of a source as they are where it can: they are verified once, by the chain.
func (s *chained) open(blobs Blobs) (err error) {
	if r, ok := blobs.(resumer); ok {
		s.skip = 0
		s.cur, err = r.openFrom(s.ctx, s.blob, s.at)
		return err
	}
	s.skip = s.at
	s.cur, err = blobs.Open(s.ctx, s.blob)
	if v, ok := s.cur.(*verifier); ok {
		s.cur = v.r
	}
	return err
}

// Read implements io.Reader. Bytes of two sources make one blob; Verify, which reads this, tells whether it is the right one.
func (s *chained) Read(p []byte) (int, error) {
	for {
		n, err := s.read(p)
		if err == nil || errors.Is(err, io.EOF) && s.at >= s.blob.Size {
			return n, err
		}
		s.cur.Close()
		if s.ctx.Err() != nil {
			return n, s.ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			err = &CorruptError{Blob: s.blob, Problem: fmt.Sprintf("%d bytes of %d", s.at, s.blob.Size)}
		}
		s.chain.failed(s.source, s.blob, err)
		s.note(err)
		if err := s.next(); err != nil {
			s.cur = io.NopCloser(&failed{err})
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

// read leaves out what s.skip says.
func (s *chained) read(p []byte) (int, error) {
	for s.skip > 0 {
		n, err := s.cur.Read(p[:min(int64(len(p)), s.skip)])
		s.skip -= int64(n)
		if err != nil {
			return 0, err
		}
	}
	n, err := s.cur.Read(p)
	s.at += int64(n)
	return n, err
}

// Close implements io.Closer.
func (s *chained) Close() error { return s.cur.Close() }

type failed struct{ err error }

func (f *failed) Read([]byte) (int, error) { return 0, f.err }

// checked tells the chain how a blob ended.
type checked struct {
	io.ReadCloser
	stream *chained
	err    error // sticky
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p)
	c.err = err
	var corrupt *CorruptError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		c.stream.chain.succeeded(c.stream.source)
	case errors.As(err, &corrupt):
		// Which of two sources is to blame cannot be known. The other one alone gives the answer next time.
		c.err = c.stream.chain.wrong(c.stream.first, corrupt)
	}
	return n, c.err
}
