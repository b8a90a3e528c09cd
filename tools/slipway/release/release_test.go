package release_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
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
	"github.com/kubernaut/kubernaut/tools/slipway/release"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	commit       = "0123456789abcdef0123456789abcdef01234567"
	tag          = "main-0123456789ab"
)

// server is a registry in memory that refuses an index before its images, and counts.
type server struct {
	t    *testing.T
	host string
	url  string

	mu       sync.Mutex
	requests []string // "PUT /v2/…"
	fault    func(http.ResponseWriter, *http.Request) bool
}

func newServer(t *testing.T, referrers bool) *server {
	s := &server{t: t}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(referrers))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		fault := s.fault
		s.mu.Unlock()
		if fault == nil || !fault(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	s.url, s.host = web.URL, strings.TrimPrefix(web.URL, "http://")
	return s
}

func (s *server) setFault(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
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

// push is what CI does.
func (w *world) push(services []release.Service, tag string) {
	w.t.Helper()
	var images []registry.Image
	for _, s := range services {
		for _, d := range s.Index.Images {
			images = append(images, registry.Image{Descriptor: d, Repository: w.ci.host + "/k/" + s.Index.Name, Part: d.Platform()})
		}
		images = append(images, registry.Image{Descriptor: s.Index.Descriptor(), Repository: w.ci.host + "/k/" + s.Index.Name, Tags: []string{tag}})
	}
	pusher := &registry.Pusher{Blobs: w.layers, Progress: progress.Discard(), Backoff: time.Millisecond}
	if _, err := pusher.Push(w.t.Context(), images); err != nil {
		w.t.Fatal(err)
	}
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

func TestCopy(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers=%v", referrers), func(t *testing.T) {
			w := newWorld(t, referrers)
			got, err := w.copy()
			if err != nil || got.Released != 2 || got.Moved.BlobsSent == 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			w.complete("v1.2.3")
			if writes := w.ci.sent(http.MethodPut, ""); len(writes) > 0 {
				t.Errorf("CI's registry got %v", writes)
			}
			puts := w.quay.sent(http.MethodPut, "/manifests/")
			for _, path := range puts[len(puts)-2:] {
				if !strings.HasSuffix(path, "/manifests/v1.2.3") {
					t.Errorf("got %v, want the version tags last", puts)
				}
			}
			w.quay.reset()
			again, err := w.copy()
			if err != nil || again.Released != 0 || again.Moved.BlobsSent != 0 || !maps.Equal(again.References, got.References) {
				t.Errorf("second run: got %+v, %v; want the first one's references and no blob", again, err)
			}
			if writes := slices.Concat(w.quay.sent(http.MethodPut, ""), w.quay.sent(http.MethodPost, "")); len(writes) > 0 {
				t.Errorf("second run: got %v", writes)
			}
		})
	}
}

// Each blob is read from CI's registry once for each repository that lacks it, or less; images of one index share theirs.
func TestCopyReadsOnce(t *testing.T) {
	w := newWorld(t, true)
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	read := map[string]int{}
	for _, path := range w.ci.sent(http.MethodGet, "/blobs/") {
		if read[path]++; read[path] > len(w.services) {
			t.Errorf("%s was read %d times", path, read[path])
		}
	}
	if len(read) == 0 {
		t.Error("no blob was read")
	}
}

func TestCopyWithinOneRegistry(t *testing.T) {
	w := newWorld(t, true)
	w.quay = w.ci
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	if reads := w.ci.sent(http.MethodGet, "/blobs/"); len(reads) > 0 {
		t.Errorf("got %v, want no blob read", reads)
	}
	w.complete("v1.2.3")
}

// What the registries hold may be wrong in each of these ways. Nothing is written then.
func TestCopyRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before func(*world)
		want   []string
	}{
		{"a forged tag", func(w *world) { w.push([]release.Service{w.service("gateway", "forged")}, tag) }, []string{
			"tag main-0123456789ab of CI/k/gateway is sha256:", ", this commit builds sha256:", ": what was tested is not known",
		}},
		{"one platform's image", func(w *world) {
			repository, d := w.ci.host+"/k/gateway", w.services[0].Index.Images[0]
			pusher := &registry.Pusher{Blobs: w.layers, Progress: progress.Discard(), Backoff: time.Millisecond}
			if _, err := pusher.Push(w.t.Context(), []registry.Image{{Descriptor: d, Repository: repository, Tags: []string{tag}}}); err != nil {
				w.t.Fatal(err)
			}
		}, []string{"tag main-0123456789ab of CI/k/gateway is the image for linux/amd64 alone: CI has not pushed this commit for all platforms"}},
		{"no tag", func(w *world) { w.services = append(w.services, w.service("notification", "1")) }, []string{
			"CI/k/notification has no tag main-0123456789ab: CI has not pushed this commit for all platforms",
		}},
		{"a version with another digest", func(w *world) {
			if _, err := w.copy(); err != nil {
				w.t.Fatal(err)
			}
			w.services = []release.Service{w.service("gateway", "2"), w.service("datastorage", "1")}
			w.push(w.services, tag)
		}, []string{"tag v1.2.3 of QUAY/org/gateway is sha256:", ", not sha256:", ": a version is never moved"}},
		{"no SBOM", func(w *world) { delete(w.services[1].SBOMs, "linux/arm64") }, []string{"//services/datastorage:index has no SBOM for linux/arm64"}},
		{"another image's SBOM", func(w *world) { w.services[1].SBOMs["linux/arm64"] = w.services[0].SBOMs["linux/arm64"] }, []string{
			"the SBOM of //services/datastorage:index for linux/arm64 is not about sha256:",
		}},
		{"a CI registry that denies", func(w *world) {
			w.ci.setFault(func(rw http.ResponseWriter, r *http.Request) bool {
				rw.WriteHeader(http.StatusForbidden)
				return true
			})
		}, []string{"looking for //services/gateway:index in CI/k/gateway: 403 Forbidden"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, true)
			tc.before(w)
			w.quay.reset()
			_, err := w.copy()
			if err == nil {
				t.Fatal("got no error")
			}
			got := strings.NewReplacer(w.ci.host, "CI", w.quay.host, "QUAY").Replace(err.Error())
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}
			if writes := slices.Concat(w.quay.sent(http.MethodPut, ""), w.quay.sent(http.MethodPost, "")); len(writes) > 0 {
				t.Errorf("got %v", writes)
			}
		})
	}
}

// A release that breaks off leaves no version anywhere, and the next one sends what lacks.
func TestCopyGoesOn(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		w := newWorld(t, referrers)
		w.quay.setFault(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/v2/org/datastorage/manifests/"+w.services[1].Index.Index.Digest) {
				return false
			}
			rw.WriteHeader(http.StatusBadRequest)
			return true
		})
		if _, err := w.copy(); err == nil {
			t.Fatal("got no error")
		}
		w.absent("v1.2.3")
		w.quay.setFault(nil)
		got, err := w.copy()
		if err != nil || got.Released != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
		w.complete("v1.2.3")
	}
}

// A version that somebody writes while the images are copied is not overwritten.
func TestCopyLooksAgain(t *testing.T) {
	w := newWorld(t, true)
	other := []byte(`{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[]}`)
	var once sync.Once
	w.quay.setFault(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/"+w.services[1].Index.Index.Digest) {
			once.Do(func() {
				req, _ := http.NewRequest(http.MethodPut, w.quay.url+"/v2/org/gateway/manifests/v1.2.3", bytes.NewReader(other))
				req.Header.Set("Content-Type", indexType)
				resp, err := http.DefaultClient.Do(req)
				if err != nil || resp.StatusCode != http.StatusCreated {
					t.Errorf("got %v, %v", resp, err)
				}
			})
		}
		return false
	})
	if _, err := w.copy(); err == nil || !strings.Contains(err.Error(), "a version is never moved") {
		t.Errorf("got %v", err)
	}
	if got := w.quay.get("org/gateway/manifests/v1.2.3"); !bytes.Equal(got, other) {
		t.Errorf("got %q", got)
	}
	if got := w.quay.get("org/datastorage/manifests/v1.2.3"); got != nil {
		t.Error("the other service has the version")
	}
}

func TestPlan(t *testing.T) {
	w := newWorld(t, true)
	rows, err := w.release().Plan(t.Context())
	if err != nil || len(rows) != 2 || rows[0].There || rows[0].Bytes <= int64(len("base")) || rows[0].Target != w.quay.host+"/org/gateway:v1.2.3" || len(rows[0].Platforms) != 2 {
		t.Fatalf("got %+v, %v", rows, err)
	}
	if writes := slices.Concat(w.quay.sent(http.MethodPut, ""), w.quay.sent(http.MethodPost, "")); len(writes) > 0 {
		t.Errorf("got %v", writes)
	}
	if _, err := w.copy(); err != nil {
		t.Fatal(err)
	}
	if rows, err = w.release().Plan(t.Context()); err != nil || !rows[0].There || !rows[1].There || rows[0].Bytes != 0 {
		t.Errorf("after the release: got %+v, %v", rows, err)
	}
}

func TestCopyInterrupted(t *testing.T) {
	w := newWorld(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	w.quay.setFault(func(http.ResponseWriter, *http.Request) bool { cancel(); return false })
	if _, err := w.release().Copy(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.absent("v1.2.3")
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
