package release_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/release"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	commit       = "0123456789abcdef0123456789abcdef01234567"
	tag          = "main-0123456789ab-all"
)

// server is a registry in memory that refuses an index before its images, and counts. A repository has the blobs that came to it,
// although all of them are kept in one place.
type server struct {
	t    *testing.T
	host string
	url  string

	mu       sync.Mutex
	requests []string // "PUT /v2/…"
	fault    func(http.ResponseWriter, *http.Request) bool
	blobs    map[string]bool // "/v2/org/gateway/blobs/sha256:…"
	mounts   bool            // blobs of one repository into another
}

func newServer(t *testing.T, referrers bool) *server {
	s := &server{t: t, blobs: map[string]bool{}}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(referrers))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		fault := s.fault
		s.mu.Unlock()
		if (fault == nil || !fault(w, r)) && !s.blob(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	s.url, s.host = web.URL, strings.TrimPrefix(web.URL, "http://")
	return s
}

// blob answers what is about a repository's own blobs.
func (s *server) blob(w http.ResponseWriter, r *http.Request) (answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repository, _, upload := strings.Cut(r.URL.Path, "/blobs/uploads/")
	query := r.URL.Query()
	switch {
	case upload && r.Method == http.MethodPut:
		s.blobs[repository+"/blobs/"+query.Get("digest")] = true
	case upload && s.mounts && s.blobs["/v2/"+query.Get("from")+"/blobs/"+query.Get("mount")]:
		s.blobs[repository+"/blobs/"+query.Get("mount")] = true
		w.WriteHeader(http.StatusCreated)
		return true
	case r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/blobs/") && !s.blobs[r.URL.Path]:
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	return false
}

func (s *server) setFault(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *server) mount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mounts = true
}

// sent are the requests with a method whose path has the part, since the last call of reset.
func (s *server) sent(method, part string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if m, path, _ := strings.Cut(r, " "); m == method && strings.Contains(path, part) {
			found = append(found, path)
		}
	}
	return found
}

func (s *server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// get returns what a path below /v2/ has, nil when that is nothing.
func (s *server) get(path string) []byte {
	s.t.Helper()
	resp, err := http.Get(s.url + "/v2/" + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	return data
}

// put writes a manifest; it may be called while a request is answered.
func (s *server) put(path, mediaType string, data []byte) {
	req, err := http.NewRequest(http.MethodPut, s.url+"/v2/"+path, bytes.NewReader(data))
	if err != nil {
		s.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		s.t.Errorf("writing %s: %s", path, resp.Status)
	}
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func encode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func content(mediaType string, data []byte) plan.Content {
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: digest(data), Size: int64(len(data))}, Data: data}
}

// world is CI's registry, that of releases, and two services that CI has pushed.
type world struct {
	t        *testing.T
	ci, quay *server
	services []release.Service
	layers   source.Memory
	signer   *release.Signer
	version  string
}

func newWorld(t *testing.T, referrers bool) *world {
	w := &world{t: t, ci: newServer(t, true), quay: newServer(t, referrers), layers: source.Memory{}, version: "v1.2.3"}
	w.services = []release.Service{w.service("gateway", "1"), w.service("datastorage", "1")}
	w.push(w.services, tag)
	w.ci.reset()
	return w
}

// service is an index of images for two platforms, whose second layer holds text.
func (w *world) service(name, text string) release.Service {
	s := release.Service{Index: plan.Index{Version: 1, Label: "//services/" + name + ":index", Name: name}, SBOMs: map[string][]byte{}}
	var entries []any
	for _, architecture := range []string{"amd64", "arm64"} {
		d := plan.Descriptor{Version: 1, Label: s.Index.Label, Name: name, OS: "linux", Architecture: architecture}
		for _, data := range []string{"base", name + architecture + text} {
			layer := content("application/vnd.oci.image.layer.v1.tar+zstd", []byte(data))
			w.layers[layer.Digest] = layer.Data
			d.Layers, d.DiffIDs = append(d.Layers, layer.Blob), append(d.DiffIDs, layer.Digest)
		}
		d.Config = content("application/vnd.oci.image.config.v1+json", encode(w.t, map[string]any{"os": "linux", "architecture": architecture, "rootfs": map[string]any{"diff_ids": d.DiffIDs}}))
		d.Manifest = content(manifestType, encode(w.t, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": d.Config.Blob, "layers": d.Layers}))
		entries = append(entries, map[string]any{"mediaType": manifestType, "digest": d.Manifest.Digest, "size": d.Manifest.Size, "platform": plan.Platform{OS: "linux", Architecture: architecture}})
		s.Index.Images = append(s.Index.Images, d)
		s.SBOMs[d.Platform()] = encode(w.t, map[string]any{"spdxVersion": "SPDX-2.3", "name": name + "@" + d.Manifest.Digest})
	}
	s.Index.Index = content(indexType, encode(w.t, map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": entries}))
	if _, err := plan.DecodeIndex(name, encode(w.t, s.Index)); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// bytes are those of all layers.
func (w *world) bytes() (sum int64) {
	for _, data := range w.layers {
		sum += int64(len(data))
	}
	return sum
}

// tested is what CI pushes to below a prefix.
func tested(services []release.Service, prefix, tag string) (images []registry.Image) {
	for _, s := range services {
		for _, d := range s.Index.Images {
			images = append(images, registry.Image{Descriptor: d, Repository: prefix + "/" + s.Index.Name, Part: d.Platform()})
		}
		images = append(images, registry.Image{Descriptor: s.Index.Descriptor(), Repository: prefix + "/" + s.Index.Name, Tags: []string{tag}})
	}
	return images
}

// push is what CI does.
func (w *world) push(services []release.Service, tag string) {
	w.t.Helper()
	w.pushTo(w.ci.host, nil, services, tag)
}

// pushTo is what CI does with another registry.
func (w *world) pushTo(host string, logins authn.Keychain, services []release.Service, tag string) {
	w.t.Helper()
	pusher := &registry.Pusher{Blobs: w.layers, Progress: progress.Discard(), Backoff: time.Millisecond, Keychain: logins}
	if _, err := pusher.Push(w.t.Context(), tested(services, host+"/k", tag)); err != nil {
		w.t.Fatal(err)
	}
}

// between is a release from one registry to another.
func (w *world) between(ci, releases string, logins authn.Keychain) *release.Release {
	r := w.release()
	r.Decision.From, r.Decision.To = ci+"/k", releases+"/org"
	r.Pusher.Keychain, r.Tested = logins, &source.Registry{Keychain: logins}
	return r
}

func (w *world) release() *release.Release {
	return &release.Release{
		Decision: plan.ReleaseDecision{Version: w.version, From: w.ci.host + "/k", To: w.quay.host + "/org", Tag: tag, Commit: commit},
		Services: w.services, Progress: progress.Discard(), Signer: w.signer,
		Pusher: &registry.Pusher{Progress: progress.Discard(), Backoff: time.Millisecond}, Tested: &source.Registry{},
		Run: release.Run{Builder: "https://example.com/builder", Repository: "https://example.com/k", Invocation: "https://example.com/runs/1"},
	}
}

func (w *world) copy() (release.Result, error) {
	w.t.Helper()
	return w.release().Copy(w.t.Context())
}

// complete holds that a version has all digests that were tested, with all blobs.
func (w *world) complete(version string) {
	w.t.Helper()
	for _, s := range w.services {
		repository := "org/" + s.Index.Name
		if got := w.quay.get(repository + "/manifests/" + version); !bytes.Equal(got, s.Index.Index.Data) {
			w.t.Errorf("%s:%s: got %q, want the tested index", repository, version, got)
		}
		for _, d := range s.Index.Images {
			if got := w.quay.get(repository + "/manifests/" + d.Manifest.Digest); !bytes.Equal(got, d.Manifest.Data) {
				w.t.Errorf("%s@%s: got %q", repository, d.Manifest.Digest, got)
			}
			for _, b := range d.Blobs() {
				if got := digest(w.quay.get(repository + "/blobs/" + b.Digest)); got != b.Digest {
					w.t.Errorf("%s: blob %s: got %s", repository, b.Digest, got)
				}
			}
		}
	}
}

func (w *world) absent(version string) {
	w.t.Helper()
	for _, s := range w.services {
		if got := w.quay.get("org/" + s.Index.Name + "/manifests/" + version); got != nil {
			w.t.Errorf("org/%s has the tag %s", s.Index.Name, version)
		}
	}
}

// remove deletes a manifest or a tag.
func (s *server) remove(path string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodDelete, s.url+"/v2/"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		s.t.Fatalf("deleting %s: %s", path, resp.Status)
	}
}
