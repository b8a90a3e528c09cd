package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// server is a real registry in memory that keeps blobs per repository, as hosted ones do, can mount, and refuses manifests
// whose blobs it does not have; fault may answer a request in the registry's place.
type server struct {
	*httptest.Server
	host    string
	fault   func(w http.ResponseWriter, r *http.Request) bool
	secured *httptest.Server // the same registry by HTTP/2; nil before secure

	answering sync.WaitGroup // requests, also those that nobody waits for any more

	mu        sync.Mutex
	silent    bool                // no Docker-Content-Digest for what was written
	requests  []string            // "HEAD /v2/…"
	held      map[string]bool     // "repository@digest"
	taken     map[string]int      // "repository@digest", uploads that succeeded
	manifests map[string][]string // "repository:tag" or "repository@digest" to the blobs' digests
	bytes     int64               // of request bodies
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{held: map[string]bool{}, taken: map[string]int{}, manifests: map[string][]string{}}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answering.Add(1)
		defer s.answering.Done()
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		fault := s.fault
		s.mu.Unlock()
		r.Body = &countedBody{r.Body, s}
		if fault != nil && fault(w, r) {
			return
		}
		if repository, reference, ok := strings.Cut(r.URL.Path, "/manifests/"); ok && r.Method == http.MethodPut {
			s.takeManifest(w, r, inner, strings.TrimPrefix(repository, "/v2/"), reference)
			return
		}
		s.serve(w, r, inner)
	}))
	t.Cleanup(s.Close)
	s.host = strings.TrimPrefix(s.URL, "http://")
	return s
}

// secure starts the registry by TLS and HTTP/2 alone. The transport leads there, whatever the host.
func (s *server) secure() *http.Transport {
	s.secured = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			panic("a request by " + r.Proto)
		}
		s.Config.Handler.ServeHTTP(w, r)
	}))
	s.secured.EnableHTTP2 = true
	s.secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.secured.StartTLS()
	transport := s.secured.Client().Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.secured.Listener.Addr().String())
	}
	return transport
}

func (s *server) serve(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	repository, rest, isBlob := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/blobs/")
	q := r.URL.Query()
	s.mu.Lock()
	lacks := isBlob && r.Method == http.MethodHead && !s.held[repository+"@"+rest]
	mounts := isBlob && r.Method == http.MethodPost && s.held[q.Get("from")+"@"+q.Get("mount")]
	if mounts {
		s.held[repository+"@"+q.Get("mount")] = true
	}
	s.mu.Unlock()
	switch {
	case lacks:
		w.WriteHeader(http.StatusNotFound)
	case mounts:
		w.WriteHeader(http.StatusCreated)
	default:
		status := &statusWriter{ResponseWriter: w, status: 200}
		inner.ServeHTTP(status, r)
		if isBlob && r.Method == http.MethodPut && status.status == http.StatusCreated {
			s.mu.Lock()
			s.held[repository+"@"+q.Get("digest")] = true
			s.taken[repository+"@"+q.Get("digest")]++
			s.mu.Unlock()
		}
	}
}

func (s *server) takeManifest(w http.ResponseWriter, r *http.Request, inner http.Handler, repository, reference string) {
	data, _ := io.ReadAll(r.Body)
	var m struct {
		Config plan.Blob
		Layers []plan.Blob
	}
	json.Unmarshal(data, &m)
	s.mu.Lock()
	defer s.mu.Unlock()
	var digests []string
	for _, b := range append(m.Layers, m.Config) {
		if b.Digest == "" {
			continue // an index has no configuration
		}
		if !s.held[repository+"@"+b.Digest] {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown","detail":{"digest":%q}}]}`, b.Digest)
			return
		}
		digests = append(digests, b.Digest)
	}
	separator := ":"
	if strings.Contains(reference, ":") {
		separator = "@"
	}
	s.manifests[repository+separator+reference] = digests
	r.Body = io.NopCloser(bytes.NewReader(data))
	if s.silent {
		answer := httptest.NewRecorder()
		inner.ServeHTTP(answer, r)
		w.WriteHeader(answer.Code)
		return
	}
	inner.ServeHTTP(w, r)
}

// audit holds what the registry lists against what it has: no manifest without its blobs. It returns the tags.
func (s *server) audit(t *testing.T) (tags []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, digests := range s.manifests {
		repository, _, byDigest := strings.Cut(name, "@")
		if !byDigest {
			tags = append(tags, name)
			repository, _, _ = strings.Cut(name, ":")
		}
		for _, d := range digests {
			if !s.held[repository+"@"+d] {
				t.Errorf("%s lacks its blob %s", name, d)
			}
		}
	}
	return sorted(tags)
}

type countedBody struct {
	io.ReadCloser
	server *server
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.server.mu.Lock()
	defer b.server.mu.Unlock()
	b.server.bytes += int64(n)
	return n, err
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// repair ends the fault, also for requests that are being answered to nobody.
func (s *server) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = nil
}

// listed counts the blobs that repositories have taken, and the manifests that were written by digest and by tag.
func (s *server) listed() (blobs, manifests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken), len(s.manifests)
}

// count counts requests of a method whose path holds part, since the last reset.
func (s *server) count(method, part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if m, path, _ := strings.Cut(r, " "); m == method && strings.Contains(path, part) {
			n++
		}
	}
	return n
}

func (s *server) reset() (requests []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests, s.requests = s.requests, nil
	s.bytes = 0
	return requests
}

// digest is what the tag or digest points to; empty when it is not there.
func (s *server) digest(t *testing.T, repository, reference string) string {
	t.Helper()
	resp, err := http.Head(s.URL + "/v2/" + repository + "/manifests/" + reference)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return resp.Header.Get("Docker-Content-Digest")
}

// disk is a source.Blobs that counts how often each blob is opened.
type disk struct {
	mu     sync.Mutex
	blobs  source.Memory
	opened map[string]int
}

func newDisk() *disk { return &disk{blobs: source.Memory{}, opened: map[string]int{}} }

func (d *disk) Open(ctx context.Context, b plan.Blob) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened[b.Digest]++
	return d.blobs.Open(ctx, b)
}

// image puts the layers on the disk and returns the descriptor of an image that has them.
func (d *disk) image(name string, layers ...string) plan.Descriptor {
	desc := plan.Descriptor{Version: 1, Label: "//services/" + name + ":image", Name: name, OS: "linux", Architecture: "amd64"}
	for _, l := range layers {
		b := blob("application/vnd.oci.image.layer.v1.tar+gzip", []byte(l)).Blob
		d.blobs[b.Digest] = []byte(l)
		desc.Layers = append(desc.Layers, b)
		desc.DiffIDs = append(desc.DiffIDs, b.Digest)
	}
	config, _ := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "name": name, "rootfs": map[string]any{"diff_ids": desc.DiffIDs}})
	desc.Config = blob("application/vnd.oci.image.config.v1+json", config)
	m, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ociManifest, "config": desc.Config.Blob, "layers": desc.Layers})
	desc.Manifest = blob(ociManifest, m)
	return desc
}

const ociManifest = "application/vnd.oci.image.manifest.v1+json"

func blob(mediaType string, data []byte) plan.Content {
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Size: int64(len(data))}, Data: data}
}

func (s *server) to(d plan.Descriptor, tags ...string) registry.Image {
	return registry.Image{Descriptor: d, Repository: s.host + "/k/" + d.Name, Tags: tags}
}

func (d *disk) pusher() *registry.Pusher {
	return &registry.Pusher{Blobs: d, Progress: progress.Discard(), Backoff: time.Millisecond}
}

func sorted(list []string) []string { slices.Sort(list); return list }
