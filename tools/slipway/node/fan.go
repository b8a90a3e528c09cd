package node

import (
	"context"
	"errors"
	"iter"
	"time"
)

const (
	chunkBytes   = 256 << 10        // unit of the fan-out
	chunksAhead  = 8                // how far one node may be ahead of another: 2 MiB, shared by all nodes
	stallTimeout = 60 * time.Second // a node that takes nothing for so long has failed
)

var (
	errStalled     = errors.New("the node took no data for 60 s")
	errNoReceivers = errors.New("no node takes the blob any more")
)

// sink is one blob on its way to one node. It ends early when its context does, which is the node's.
type sink struct {
	ctx    context.Context
	fail   context.CancelCauseFunc
	blob   named
	chunks chan []byte // closed after the whole blob, and not before its bytes are known to be the right ones
}

func newSink(t *target, blob named) *sink {
	return &sink{ctx: t.ctx, fail: t.fail, blob: blob, chunks: make(chan []byte, chunksAhead)}
}

// all are the chunks.
func (s *sink) all(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			select {
			case <-ctx.Done():
				yield(nil, context.Cause(ctx))
				return
			case chunk, more := <-s.chunks:
				if !more || !yield(chunk, nil) {
					return
				}
			}
		}
	}
}

// send hands a chunk over and reports whether the node still takes it.
func (s *sink) send(chunk []byte) bool {
	if s.ctx.Err() != nil { // a chunk must not be counted after the node's end, although there is room
		return false
	}
	stalled := time.NewTimer(stallTimeout)
	defer stalled.Stop()
	select {
	case s.chunks <- chunk:
		return true
	case <-s.ctx.Done():
	case <-stalled.C:
		s.fail(errStalled)
	}
	return false
}

// fan writes one blob to several nodes at once, at the pace of the slowest and without the failed ones. Not safe for concurrent
// use.
type fan struct {
	sinks []*sink
	sent  func(bytes int64)
}

// Write implements io.Writer. It fails when no node takes the blob any more.
func (f *fan) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), chunkBytes)
		chunk := append([]byte(nil), rest[:n]...)
		rest = rest[n:]
		taken := false
		for _, s := range f.sinks {
			if s.send(chunk) {
				f.sent(int64(n))
				taken = true
			}
		}
		if !taken {
			return len(p) - len(rest), errNoReceivers
		}
	}
	return len(p), nil
}

// end tells the nodes that they have the whole blob.
func (f *fan) end() {
	for _, s := range f.sinks {
		close(s.chunks)
	}
}
