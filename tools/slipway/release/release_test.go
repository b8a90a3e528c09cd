package release_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/release"
)

func TestCopy(t *testing.T) {
	for _, referrers := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers=%v", referrers), func(t *testing.T) {
			w := newWorld(t, referrers)
			got, err := w.copy()
			if err != nil || got.Released != 2 || got.Moved.BlobsSent == 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			// This registry mounts nothing: what two services share is read for the first one, and once more for all others.
			if layers := w.bytes() + int64(len("base")); got.Moved.BytesReceived != layers || got.Moved.Requests < int64(got.Moved.BlobsSent) {
				t.Errorf("got %d bytes read in %d requests, want each layer once and the shared one twice, which is %d bytes", got.Moved.BytesReceived, got.Moved.Requests, layers)
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
			if err != nil || again.Released != 0 || again.Moved.BlobsSent != 0 || again.Moved.Requests == 0 || !maps.Equal(again.References, got.References) {
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
	w.ci.mount()
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
			"tag main-0123456789ab-all of CI/k/gateway is sha256:", ", this commit builds sha256:", ": what was tested is not known",
		}},
		{"one platform's image", func(w *world) {
			repository, d := w.ci.host+"/k/gateway", w.services[0].Index.Images[0]
			pusher := &registry.Pusher{Blobs: w.layers, Progress: progress.Discard(), Backoff: time.Millisecond}
			if _, err := pusher.Push(w.t.Context(), []registry.Image{{Descriptor: d, Repository: repository, Tags: []string{tag}}}); err != nil {
				w.t.Fatal(err)
			}
		}, []string{"tag main-0123456789ab-all of CI/k/gateway is the image for linux/amd64 alone: CI has not pushed this commit for all platforms"}},
		{"no tag", func(w *world) { w.services = append(w.services, w.service("notification", "1")) }, []string{
			"CI/k/notification has no tag main-0123456789ab-all: CI has not pushed this commit for all platforms",
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
			once.Do(func() { w.quay.put("org/gateway/manifests/v1.2.3", indexType, other) })
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

// Of two releases that write one version at the same moment, the one whose tag does not stay says so.
func TestCopyLooksAfterwards(t *testing.T) {
	w := newWorld(t, true)
	other := []byte(`{"schemaVersion":2,"mediaType":"` + indexType + `","manifests":[]}`)
	var once sync.Once
	w.quay.setFault(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && len(w.quay.sent(http.MethodPut, "/manifests/v1.2.3")) >= len(w.services) {
			once.Do(func() { w.quay.put("org/gateway/manifests/v1.2.3", indexType, other) })
		}
		return false
	})
	if got, err := w.copy(); err == nil || !strings.Contains(err.Error(), "a version is never moved") || got.Released != 0 {
		t.Errorf("got %+v, %v", got, err)
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

// An interrupt while the tags are written does not leave the version on some services alone.
func TestCopyInterruptedBetweenTags(t *testing.T) {
	w := newWorld(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	w.quay.setFault(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/v1.2.3") {
			cancel()
		}
		return false
	})
	if got, err := w.release().Copy(ctx); err != nil || got.Released != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	w.complete("v1.2.3")
}
