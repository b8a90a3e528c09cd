package registry

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	defaultBackoff = 500 * time.Millisecond
	attempts       = 5                // of a request
	uploads        = 4                // of a blob
	maxWait        = 30 * time.Second // a registry that asks for more is as good as not there
	dialLimit      = 10 * time.Second
	answerLimit    = 2 * time.Minute // a registry hashes a large blob before it answers, or before it takes more of it
)

func (p *Pusher) transport() http.RoundTripper {
	if p.Transport != nil {
		return p.Transport
	}
	return NewTransport()
}

// NewTransport makes connections that a server which does not answer cannot keep waiting for ever.
func NewTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dial,
		TLSHandshakeTimeout:   dialLimit,
		ResponseHeaderTimeout: answerLimit,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
	}
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialLimit}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &impatient{conn, answerLimit}, nil
}

// impatient is a connection whose other end must take what is written. Without it a body would wait for ever: the time for an
// answer begins after its last byte.
type impatient struct {
	net.Conn
	limit time.Duration
}

// Write implements io.Writer. One call is a few buffers at most, so even a slow network is in time.
func (c *impatient) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// meter counts, remembers what must not be printed, and decides between http and https for the registry's host.
type meter struct {
	inner  http.RoundTripper
	host   string // the registry's; other hosts (a token server, a blob store) keep the scheme that they were named with
	scheme string

	requests, sent, received atomic.Int64
	secrets                  sync.Map
}

func newMeter(inner http.RoundTripper, host string, plain bool) *meter {
	m := &meter{inner: inner, host: host, scheme: "https"}
	if plain {
		m.scheme = "http"
	}
	return m
}

// RoundTrip implements http.RoundTripper.
func (m *meter) RoundTrip(in *http.Request) (*http.Response, error) {
	req := in.Clone(in.Context())
	if req.URL.Host == m.host {
		req.URL.Scheme = m.scheme
	}
	m.remember(req)
	if req.Body != nil && req.Body != http.NoBody {
		req.Body = &countingBody{ReadCloser: req.Body, count: &m.sent}
	}
	m.requests.Add(1)
	resp, err := m.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &countingBody{ReadCloser: resp.Body, count: &m.received}
	return resp, nil
}

// CloseIdleConnections leaves no connection behind that the caller did not bring.
func (m *meter) CloseIdleConnections() {
	if t, ok := m.inner.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func (m *meter) remember(req *http.Request) {
	if _, secret, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok && secret != "" {
		m.secrets.Store(secret, true)
	}
	if _, password, ok := req.BasicAuth(); ok && password != "" {
		m.secrets.Store(password, true)
	}
}

// scrub takes credentials out of a text that a registry may have echoed.
func (m *meter) scrub(text string) string {
	m.secrets.Range(func(secret, _ any) bool {
		text = strings.ReplaceAll(text, secret.(string), "[redacted]")
		return true
	})
	return text
}

type countingBody struct {
	io.ReadCloser
	count *atomic.Int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	return n, err
}

// Counter counts what a source reads from a registry. It is safe for concurrent use.
type Counter struct {
	Inner http.RoundTripper

	requests, received atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (c *Counter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	resp, err := c.Inner.RoundTrip(req)
	if err == nil {
		resp.Body = &countingBody{ReadCloser: resp.Body, count: &c.received}
	}
	return resp, err
}

// Counts are the requests so far and the bytes of their answers' bodies.
func (c *Counter) Counts() (requests, received int64) { return c.requests.Load(), c.received.Load() }

// retry repeats a request that the registry was too busy for, after the time that it asks for, or that a broken connection
// took with it. An upload whose body may have been taken in part is not repeated here but begun anew, see beginAgain.
//
// Above it is go-containerregistry's transport, which answers a challenge with a new token and the same request, whose body
// nobody rewinds: https://github.com/google/go-containerregistry/blob/v0.22.1/pkg/v1/remote/transport/bearer.go.
type retry struct {
	inner   http.RoundTripper
	backoff time.Duration
}

// RoundTrip implements http.RoundTripper.
func (r *retry) RoundTrip(in *http.Request) (*http.Response, error) {
	if partOfUpload(in) {
		resp, err := r.roundTrip(in, in)
		if err == nil {
			resp.Header.Del("WWW-Authenticate") // the next begin hears it, and has no body
		}
		return resp, err
	}
	req, err := Again(in)
	if err != nil {
		return nil, err
	}
	return r.roundTrip(in, req)
}

// roundTrip sends req, which is in or a copy of it, and further copies.
func (r *retry) roundTrip(in, req *http.Request) (*http.Response, error) {
	wait := r.backoff
	for attempt := 1; ; attempt++ {
		resp, err := r.inner.RoundTrip(req)
		delay, more := repeat(in, resp, err, wait)
		if !more || attempt == attempts {
			return resp, err
		}
		if attempt > 1 { // the time that it named was too short
			delay = max(delay, wait)
		}
		if err == nil {
			io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
			resp.Body.Close()
		}
		if err := sleep(in.Context(), spread(delay)); err != nil {
			return nil, err
		}
		wait *= 2
		if req, err = Again(in); err != nil {
			return nil, err
		}
	}
}

// repeat tells whether a request is worth repeating, and after which time.
func repeat(in *http.Request, resp *http.Response, err error, wait time.Duration) (delay time.Duration, more bool) {
	if err != nil {
		return wait, broken(err) && !partOfUpload(in)
	}
	delay = source.RetryAfter(resp.Header.Get("Retry-After"), wait)
	return delay, delay <= maxWait && repeatable(in, resp.StatusCode)
}

// Again is the request with a body that nobody has read.
func Again(in *http.Request) (*http.Request, error) {
	req := in.Clone(in.Context())
	if in.GetBody == nil {
		return req, nil
	}
	body, err := in.GetBody()
	req.Body = body
	return req, err
}

func busy(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }

func repeatable(req *http.Request, status int) bool {
	switch {
	case !busy(status):
		return false
	case req.Body != nil && req.Body != http.NoBody && req.GetBody == nil:
		return false
	case status == http.StatusTooManyRequests:
		return true // refused before anything was taken
	}
	return !partOfUpload(req)
}

func partOfUpload(req *http.Request) bool {
	return req.Method == http.MethodPatch || req.Method == http.MethodPut && !strings.Contains(req.URL.Path, "/manifests/")
}

// beginAgain tells whether an upload that failed is worth a new one from its first byte, and after which time: the connection
// broke, the registry failed in the middle of the body, it has forgotten what it was sent, or the bytes turned out to be wrong
// on their way, where they are verified.
func beginAgain(err error, wait time.Duration) (delay time.Duration, again bool) {
	var mine *sourceError
	var answer *answerError
	switch {
	case errors.As(err, &mine):
		return 0, corruption(err) != nil // there may be another source, which is asked now
	case errors.As(err, &answer):
		delay = max(wait, answer.after)
		return delay, delay <= maxWait && forgetful(answer.refusal)
	}
	return wait, broken(err)
}

// broken reports a connection that ended early. One that cannot be made is something else: the registry is not there.
func broken(err error) bool {
	if err == nil {
		return false
	}
	for _, end := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.EPIPE, syscall.ECONNRESET, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	// HTTP/2 ends a request without its connection. net/http keeps the types of these errors to itself.
	for _, words := range []string{"stream error: stream ID ", "http2: server sent GOAWAY", "http2: client connection lost"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// forgetful reports an answer to the body of an upload that says nothing about the next one:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes.
func forgetful(refusal *transport.Error) bool {
	if refusal.Request == nil || !partOfUpload(refusal.Request) {
		return false
	}
	switch refusal.StatusCode {
	case http.StatusUnauthorized: // the token ended while the body was sent; the next begin gets a new one
		return true
	case http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable:
		return true
	case http.StatusBadRequest:
		for _, d := range refusal.Errors {
			switch d.Code {
			case transport.BlobUploadUnknownErrorCode, transport.BlobUploadInvalidErrorCode, transport.DigestInvalidErrorCode, transport.SizeInvalidErrorCode:
				return true
			}
		}
	}
	return refusal.StatusCode >= 500
}

// spread makes a wait up to a half longer: requests that were refused together should not all come back together.
func spread(d time.Duration) time.Duration { return d + rand.N(d/2+1) }

// sleep returns early, with an error, when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
