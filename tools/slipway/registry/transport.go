package registry

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const (
	defaultBackoff = 500 * time.Millisecond
	attempts       = 5
	maxWait        = 30 * time.Second // a registry that asks for more is as good as not there
	dialLimit      = 10 * time.Second
	answerLimit    = 2 * time.Minute // a registry hashes a large blob before it answers
)

func (p *Pusher) transport() http.RoundTripper {
	if p.Transport != nil {
		return p.Transport
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSHandshakeTimeout:   dialLimit,
		ResponseHeaderTimeout: answerLimit,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   16,
	}
}

// meter counts, remembers what must not be printed, and decides between http and https for the registry's host.
type meter struct {
	inner  http.RoundTripper
	host   string // the registry's; other hosts (a token server, a blob store) keep the scheme that they were named with
	scheme string

	requests, sent, received atomic.Int64
	mounts, secrets          sync.Map
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
	if q := req.URL.Query(); req.Method == http.MethodPost && resp.StatusCode == http.StatusCreated && q.Get("mount") != "" {
		m.mounts.Store(mountKey(strings.TrimSuffix(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/uploads/"), q.Get("mount")), true)
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

func mountKey(repository, digest string) string { return repository + "@" + digest }

func (m *meter) wasMounted(repository, digest string) bool {
	_, ok := m.mounts.Load(mountKey(repository, digest))
	return ok
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

// retry repeats a request that the registry was too busy for, after the time that it asks for. An upload whose body may
// have been taken in part is not repeated here but begun anew, see retryUpload.
type retry struct {
	inner   http.RoundTripper
	backoff time.Duration
}

// RoundTrip implements http.RoundTripper.
func (r *retry) RoundTrip(in *http.Request) (*http.Response, error) {
	wait := r.backoff
	if wait <= 0 {
		wait = defaultBackoff
	}
	req := in
	for attempt := 1; ; attempt++ {
		resp, err := r.inner.RoundTrip(req)
		if err != nil || attempt == attempts || !repeatable(in, resp.StatusCode) {
			return resp, err
		}
		delay := retryAfter(resp.Header.Get("Retry-After"), wait)
		if delay > maxWait {
			return resp, nil
		}
		io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
		resp.Body.Close()
		select {
		case <-time.After(delay):
		case <-in.Context().Done():
			return nil, in.Context().Err()
		}
		wait *= 2
		if req, err = again(in); err != nil {
			return nil, err
		}
	}
}

func again(in *http.Request) (*http.Request, error) {
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

// retryAfter reads https://www.rfc-editor.org/rfc/rfc9110#field.retry-after, fallback when there is none.
func retryAfter(value string, fallback time.Duration) time.Duration {
	if s, err := strconv.Atoi(value); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return fallback
}

// retryUpload tells which failures of a whole blob upload are worth another one: the connection broke, or the registry
// failed in the middle of the body.
func retryUpload(err error) bool {
	var mine *sourceError
	if errors.As(err, &mine) {
		return false
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.Request != nil && answer.StatusCode >= 500 && partOfUpload(answer.Request)
	}
	for _, broken := range []error{io.ErrUnexpectedEOF, io.EOF, syscall.EPIPE, syscall.ECONNRESET, net.ErrClosed} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

func uploadBackoff(first time.Duration) remote.Backoff {
	if first <= 0 {
		first = defaultBackoff
	}
	return remote.Backoff{Duration: first, Factor: 2, Jitter: 0.1, Steps: 3}
}
