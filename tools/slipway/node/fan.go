package node

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	chunkBytes   = 256 << 10        // unit of the fan-out
	chunksAhead  = 8                // how far one node may be ahead of another: 2 MiB, shared by all nodes
	stallTimeout = 60 * time.Second // a node that takes nothing for so long has failed
)

var (
	errStalled     = errors.New("the node took no data for 60 s")
	errNoReceivers = errors.New("no node takes the archive any more")
)

// sink is the end of the stream in front of one node: the standard input of its import.
type sink struct {
	chunks chan []byte
	left   chan struct{} // closed when the node's import has ended, in whatever way
	abort  chan struct{} // closed when the stream ends early
	once   sync.Once
	cause  error // why the stream ended early; set before abort is closed
	rest   []byte
	bytes  int64 // accepted so far; the writer's
}

func newSink() *sink {
	return &sink{chunks: make(chan []byte, chunksAhead), left: make(chan struct{}), abort: make(chan struct{})}
}

// Read implements io.Reader. It ends with io.EOF only after the whole archive.
func (s *sink) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		select {
		case <-s.abort:
			return 0, s.cause
		case chunk, more := <-s.chunks:
			if !more {
				return 0, io.EOF
			}
			s.rest = chunk
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// fail ends the stream of this node.
func (s *sink) fail(cause error) {
	s.once.Do(func() {
		s.cause = cause
		close(s.abort)
	})
}

// send hands a chunk over and reports whether the node is still there.
func (s *sink) send(chunk []byte) bool {
	if s.ended() { // a chunk must not be counted after the node's end, although there is room
		return false
	}
	stalled := time.NewTimer(stallTimeout)
	defer stalled.Stop()
	select {
	case s.chunks <- chunk:
		s.bytes += int64(len(chunk))
		return true
	case <-s.left:
	case <-s.abort:
	case <-stalled.C:
		s.fail(errStalled)
	}
	return false
}

// fan writes to several nodes at once, at the pace of the slowest and without the failed ones. Not safe for concurrent
// use.
type fan struct {
	all    []*sink
	active []*sink // receivers of the current entry
	sent   func(bytes int64)
}

// Write implements io.Writer. It fails when no node at all is left, not when those of one entry are.
func (f *fan) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), chunkBytes)
		chunk := append([]byte(nil), rest[:n]...)
		rest = rest[n:]
		for _, s := range f.active {
			if s.send(chunk) {
				f.sent(int64(n))
			}
		}
		if !f.receiving() {
			return len(p) - len(rest), errNoReceivers
		}
	}
	return len(p), nil
}

func (f *fan) receiving() bool {
	for _, s := range f.all {
		if !s.ended() {
			return true
		}
	}
	return false
}

// ended is true when the node takes nothing more.
func (s *sink) ended() bool {
	select {
	case <-s.left:
		return true
	default:
		return s.aborted()
	}
}

// close ends all streams: with the archive's end, or early with the cause.
func (f *fan) close(cause error) {
	if cause != nil {
		f.abort(cause)
		return
	}
	for _, s := range f.all {
		close(s.chunks)
	}
}

// abort ends all streams early. It may be called while the fan is written to.
func (f *fan) abort(cause error) {
	if errors.Is(cause, errNoReceivers) {
		return // all of them have ended, for causes of their own
	}
	for _, s := range f.all {
		s.fail(cause)
	}
}

// aborted is true when the stream ended early.
func (s *sink) aborted() bool {
	select {
	case <-s.abort:
		return true
	default:
		return false
	}
}
