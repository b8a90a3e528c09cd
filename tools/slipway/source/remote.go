package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	defaultTimeout = 60 * time.Second // Bazel's default for --remote_timeout
	attempts       = 5                // for one blob, first one included
	firstWait      = 100 * time.Millisecond
	longestWait    = 5 * time.Second // a server that asks for more is as good as not there
)

// fetcher is a protocol. fetch returns the blob's bytes from offset on; its errors are failures, or wrap fs.ErrNotExist, or
// concern the blob alone. Cancelling ctx ends reading too. A read may return neither bytes nor an error: the server is alive.
type fetcher interface {
	fetch(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error)
}

// remote makes a source of a fetcher: it repeats what may succeed then, resumes what ended too early, and gives up a server
// that is silent for the timeout. The time that the reader's user takes between two reads does not count.
type remote struct {
	fetcher  fetcher
	endpoint string        // for messages
	timeout  time.Duration // 0 is a minute
}

// Open implements Blobs.
func (r *remote) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	raw, err := r.openFrom(ctx, blob, 0)
	if err != nil {
		return nil, err
	}
	return Verify(raw, blob), nil
}

// openFrom implements resumer.
func (r *remote) openFrom(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error) {
	if _, err := hexOf(blob); err != nil {
		return nil, err
	}
	if offset >= blob.Size { // Bazel uploads no empty blob, and no server has a range after the last byte
		return io.NopCloser(strings.NewReader("")), nil
	}
	s := &stream{remote: r, caller: ctx, blob: blob, at: offset, left: attempts, wait: firstWait}
	if err := s.connect(); err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

// stream is one blob on its way.
type stream struct {
	*remote
	caller context.Context
	blob   plan.Blob
	at     int64 // of the next byte
	left   int   // attempts
	wait   time.Duration

	body   io.ReadCloser // nil between attempts
	cancel context.CancelCauseFunc
	ctx    context.Context
	err    error // sticky
}

// connect opens the body at s.at, with as many attempts as are left.
func (s *stream) connect() error {
	for {
		s.left--
		s.ctx, s.cancel = context.WithCancelCause(s.caller)
		err := s.guarded(func() (err error) {
			s.body, err = s.fetcher.fetch(s.ctx, s.blob, s.at)
			return err
		})
		if err == nil {
			return nil
		}
		s.cancel(nil)
		if err = s.pause(err); err != nil {
			return err
		}
	}
}

// pause waits before another attempt after err. It returns err when there is to be none.
func (s *stream) pause(err error) error {
	f := failureOf(err)
	if s.caller.Err() != nil || !f.transient || s.left <= 0 || f.after > longestWait {
		return err
	}
	select {
	case <-time.After(max(s.wait, f.after)):
	case <-s.caller.Done():
		return err
	}
	s.wait *= 2
	return nil
}

// guarded runs an operation that the server must answer within the timeout.
func (s *stream) guarded(operation func() error) error {
	timeout := s.timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	cancel := s.cancel
	timer := time.AfterFunc(timeout, func() {
		cancel(&failure{err: fmt.Errorf("no byte for %v", timeout), endpoint: true})
	})
	defer timer.Stop()
	err := operation()
	if cause, ok := context.Cause(s.ctx).(*failure); ok && err != nil {
		return cause
	}
	return err
}

// Read implements io.Reader. It ends with io.EOF at the blob's size or after it, never before: whatever a server says after
// the last byte changes nothing.
func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil || len(p) == 0 {
		return 0, s.err
	}
	for {
		var n int
		err := s.guarded(func() (err error) {
			n, err = s.body.Read(p)
			return err
		})
		s.at += int64(n)
		if err == nil && n == 0 {
			continue
		}
		if err == nil {
			return n, nil
		}
		if s.at >= s.blob.Size {
			s.err = io.EOF
			return n, s.err
		}
		if s.err = s.resume(err); s.err != nil || n > 0 {
			return n, s.err
		}
	}
}

// resume connects again after a body that ended with err.
func (s *stream) resume(err error) error {
	s.disconnect()
	if errors.Is(err, io.EOF) {
		err = &failure{err: fmt.Errorf("the stream ended after %d bytes of %d", s.at, s.blob.Size), transient: true}
	}
	if err := s.pause(err); err != nil {
		return s.explain(err)
	}
	if err := s.connect(); err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *stream) explain(err error) error {
	switch {
	case s.caller.Err() != nil:
		return s.caller.Err()
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("opening blob %s in %s: %w", s.blob.Digest, s.endpoint, fs.ErrNotExist)
	}
	return final(s.endpoint, err)
}

// Close implements io.Closer. It ends the transfer.
func (s *stream) Close() error {
	if s.err == nil {
		s.err = fs.ErrClosed
	}
	s.disconnect()
	return nil
}

func (s *stream) disconnect() {
	s.cancel(nil)
	if s.body != nil {
		s.body.Close() // of a transfer that is over, in one way or another
		s.body = nil
	}
}
