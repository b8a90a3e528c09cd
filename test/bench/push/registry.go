package push

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/test/counted"
)

// upstream is a registry on loopback that counts what it is asked and sent. It keeps blobs per repository, mounts them across
// repositories, and wants tokens, as hosted registries do (https://distribution.github.io/distribution/spec/auth/token/).
type upstream struct {
	Host    string // "127.0.0.1:40513"
	inner   http.Handler
	latency time.Duration // waited before each answer
	server  *http.Server

	mu      sync.Mutex
	traffic traffic
	uploads map[string]int64    // bytes by the path of an upload that is under way
	held    map[string]bool     // "repository@digest" of blobs
	tokens  map[string][]string // scopes by token
	layers  map[string]bool     // digests; other blobs are configurations
}

// traffic is what a registry counts. Bytes are those of bodies.
type traffic struct {
	requests, tokens, bytes, layerBytes int64
}

func newUpstream(latency time.Duration, layers map[string]bool) (*upstream, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	quiet := log.New(io.Discard, "", 0)
	r := &upstream{
		Host: listener.Addr().String(), inner: registry.New(registry.Logger(quiet)), latency: latency,
		uploads: map[string]int64{}, held: map[string]bool{}, tokens: map[string][]string{}, layers: layers,
	}
	r.server = &http.Server{Handler: r, ErrorLog: quiet}
	go r.server.Serve(listener)
	return r, nil
}

func (r *upstream) Close() { r.server.Close() }

// Traffic returns what was counted since the last call.
func (r *upstream) Traffic() traffic {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.traffic
	r.traffic = traffic{}
	return t
}

// Digest is what a tag points to; empty when it is not there. The question is not counted.
func (r *upstream) Digest(ctx context.Context, repository, tag string) string {
	answer := httptest.NewRecorder()
	r.inner.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodHead, "/v2/"+repository+"/manifests/"+tag, nil))
	return answer.Header().Get("Docker-Content-Digest")
}

func (r *upstream) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	time.Sleep(r.latency)
	body := &counted.Body{ReadCloser: req.Body}
	req.Body = body
	answer := counted.NewAnswer(w)
	switch {
	case req.URL.Path == "/token":
		r.issue(answer, req)
	case !r.allowed(req):
		r.challenge(answer, req)
	default:
		r.serve(answer, req)
	}
	r.count(req, body.N, answer)
}

// serve gives each repository blobs of its own: the registry inside finds every blob in every repository.
func (r *upstream) serve(w http.ResponseWriter, req *http.Request) {
	repository, digest, isBlob := blobOf(req)
	query := req.URL.Query()
	switch {
	case isBlob && req.Method == http.MethodHead && !r.holds(repository, digest):
		w.WriteHeader(http.StatusNotFound)
	case isBlob && req.Method == http.MethodPost && r.mounts(req, repository):
		w.Header().Set("Docker-Content-Digest", query.Get("mount"))
		w.WriteHeader(http.StatusCreated)
	default:
		r.inner.ServeHTTP(w, req)
	}
}

func (r *upstream) holds(repository, digest string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[repository+"@"+digest]
}

// mounts takes a blob over from another repository, which the token must let its owner read.
func (r *upstream) mounts(req *http.Request, repository string) bool {
	from, digest := req.URL.Query().Get("from"), req.URL.Query().Get("mount")
	if !r.holds(from, digest) || !r.grants(req, "repository:"+from+":pull") {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[repository+"@"+digest] = true
	return true
}

// blobOf splits "/v2/<repository>/blobs/<digest>" and "/v2/<repository>/blobs/uploads/<id>".
func blobOf(req *http.Request) (repository, rest string, ok bool) {
	return strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/")
}

func (r *upstream) count(req *http.Request, received int64, answer *counted.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.traffic.requests++
	r.traffic.bytes += received + answer.N
	repository, rest, isBlob := blobOf(req)
	if req.URL.Path == "/token" {
		r.traffic.tokens++
	}
	if !isBlob || !strings.HasPrefix(rest, "uploads/") {
		return
	}
	r.uploads[req.URL.Path] += received
	if digest := req.URL.Query().Get("digest"); req.Method == http.MethodPut && answer.Status == http.StatusCreated {
		r.held[repository+"@"+digest] = true
		if r.layers[digest] {
			r.traffic.layerBytes += r.uploads[req.URL.Path]
		}
		delete(r.uploads, req.URL.Path)
	}
}
