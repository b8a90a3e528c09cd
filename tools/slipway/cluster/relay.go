package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Relay carries TCP connections from a port of listenIP, which the kernel chooses, to target ("127.0.0.1:5001"). With a
// lease's Gateway as listenIP the nodes reach a registry that listens on this machine's loopback alone.
//
// It returns the address that it listens on. It ends by stop or with ctx: stop closes all connections and returns when
// none is left. A target that cannot be reached closes the incoming connection.
func Relay(ctx context.Context, listenIP, target string) (addr string, stop func(), err error) {
	if _, _, err := net.SplitHostPort(target); err != nil {
		return "", nil, fmt.Errorf("relaying to %q: %w", target, err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(listenIP, "0"))
	if err != nil {
		return "", nil, fmt.Errorf("relaying to %q: %w", target, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &relay{target: target}
	r.running.Go(func() { r.accept(ctx, listener) })
	context.AfterFunc(ctx, func() { listener.Close() })
	return listener.Addr().String(), func() { cancel(); r.running.Wait() }, nil
}

type relay struct {
	target  string
	running sync.WaitGroup
}

func (r *relay) accept(ctx context.Context, listener net.Listener) {
	defer listener.Close()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			if conn != nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors: a moment later there may be some
			continue
		}
		r.running.Go(func() { r.carry(ctx, conn) })
	}
}

// carry copies both ways, and passes the end of one direction on, so that a half-closed connection still gets its answer.
func (r *relay) carry(ctx context.Context, in net.Conn) {
	defer in.Close()
	var dialer net.Dialer
	out, err := dialer.DialContext(ctx, "tcp", r.target)
	if err != nil {
		return
	}
	defer out.Close()
	defer context.AfterFunc(ctx, func() { in.Close(); out.Close() })()
	var both sync.WaitGroup
	both.Go(func() { copyHalf(out, in) })
	both.Go(func() { copyHalf(in, out) })
	both.Wait()
}

func copyHalf(dst, src net.Conn) {
	io.Copy(dst, src)
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
