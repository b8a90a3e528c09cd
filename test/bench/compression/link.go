package compression

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// link is a network link of a limited rate, both ways by themselves. It delays bytes, no more: no latency, no loss.
type link struct {
	name string
	rate int64 // bytes a second; 0: as fast as this machine goes
}

// links are what lies between this machine and a cache or a registry.
func links() []link {
	return []link{{"loopback", 0}, {"1 Gbit/s", 125_000_000}, {"200 Mbit/s", 25_000_000}}
}

// pieceBytes is how much passes at a time: 2 ms at 200 Mbit/s.
const pieceBytes = 48 << 10

// pace is one direction of a link, shared by all that use it.
type pace struct {
	rate int64
	mu   sync.Mutex
	free time.Time // when the link has carried what it was given
}

// wait blocks until the link has carried n bytes more. The link does not make up for time in which nobody used it.
func (p *pace) wait(n int) {
	if p.rate == 0 {
		return
	}
	p.mu.Lock()
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	until := p.free
	p.mu.Unlock()
	time.Sleep(time.Until(until))
}

// paced reads at the link's rate.
type paced struct {
	io.ReadCloser
	pace *pace
}

func (r paced) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b[:min(len(b), pieceBytes)])
	r.pace.wait(n)
	return n, err
}

// distant are blobs behind a link, as in a remote cache.
type distant struct {
	source.Blobs
	pace *pace
}

// Open implements source.Blobs.
func (d distant) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	r, err := d.Blobs.Open(ctx, blob)
	if err != nil {
		return nil, err
	}
	return paced{r, d.pace}, nil
}

// listener accepts connections that come over a link.
type listener struct {
	net.Listener
	up, down *pace
}

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return pacedConn{conn, l.up, l.down}, nil
}

type pacedConn struct {
	net.Conn
	up, down *pace
}

func (c pacedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), pieceBytes)])
	c.up.wait(n)
	return n, err
}

func (c pacedConn) Write(b []byte) (int, error) {
	for sent := 0; sent < len(b); {
		piece := b[sent:min(len(b), sent+pieceBytes)]
		n, err := c.Conn.Write(piece)
		sent += n
		if err != nil {
			return sent, err
		}
		c.down.wait(n)
	}
	return len(b), nil
}
