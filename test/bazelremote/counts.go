package bazelremote

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"

	"google.golang.org/grpc/stats"
)

// Counts is what a server was asked.
type Counts struct {
	// Requests holds how many by what they are: "google.bytestream.ByteStream/Read", "GET /cas", "PUT /ac".
	Requests map[string]int
	// Sent and Received are bytes of messages and bodies as they went over the wire, without headers.
	Sent, Received int64
}

// meter counts for both protocols.
type meter struct {
	mu  sync.Mutex
	all Counts
}

func (m *meter) counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.all
	c.Requests = maps.Clone(c.Requests)
	return c
}

func (m *meter) request(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all.Requests == nil {
		m.all.Requests = map[string]int{}
	}
	m.all.Requests[name]++
}

func (m *meter) moved(sent, received int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all.Sent += int64(sent)
	m.all.Received += int64(received)
}

// TagRPC implements stats.Handler.
func (m *meter) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	m.request(strings.TrimPrefix(info.FullMethodName, "/"))
	return ctx
}

// HandleRPC implements stats.Handler.
func (m *meter) HandleRPC(_ context.Context, s stats.RPCStats) {
	switch p := s.(type) {
	case *stats.OutPayload:
		m.moved(p.WireLength, 0)
	case *stats.InPayload:
		m.moved(0, p.WireLength)
	}
}

// TagConn implements stats.Handler.
func (m *meter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (m *meter) HandleConn(context.Context, stats.ConnStats) {}

func (m *meter) handler(inner http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		folder, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		m.request(r.Method + " /" + folder)
		r.Body = &meteredBody{ReadCloser: r.Body, meter: m}
		inner(&meteredWriter{ResponseWriter: w, meter: m}, r)
	})
}

type meteredBody struct {
	io.ReadCloser
	meter *meter
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.meter.moved(0, n)
	return n, err
}

type meteredWriter struct {
	http.ResponseWriter
	meter *meter
}

func (w *meteredWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.meter.moved(n, 0)
	return n, err
}
