package registry_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
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

// server is a real registry in memory that keeps blobs per repository, as hosted ones do, and can mount; fault may answer
// a request in the registry's place.
type server struct {
	*httptest.Server
	host  string
	fault func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string        // "HEAD /v2/…"
	held     map[string]bool // "repository@digest"
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{held: map[string]bool{}}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if s.fault != nil && s.fault(w, r) {
			return
		}
		s.serve(w, r, inner)
	}))
	t.Cleanup(s.Close)
	s.host = strings.TrimPrefix(s.URL, "http://")
	return s
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
			s.mu.Unlock()
		}
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
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
