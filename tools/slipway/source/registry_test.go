package source_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// lockedRegistry is a registry in memory that wants a token for each repository, as most do
// (https://distribution.github.io/distribution/spec/auth/token/).
type lockedRegistry struct {
	inner http.Handler
	cut   func(w http.ResponseWriter, r *http.Request) bool // may answer for a blob instead

	mu       sync.Mutex
	requests map[string]int
}

func (l *lockedRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.Method + " " + r.URL.Path
	if i := strings.Index(name, "/blobs/"); i >= 0 {
		name = name[:i]
	}
	l.mu.Lock()
	l.requests[name]++
	l.mu.Unlock()
	scope := r.URL.Query().Get("scope")
	switch _, given, _ := r.BasicAuth(); {
	case r.URL.Path == "/token" && given == password:
		fmt.Fprintf(w, `{"token": %q}`, scope)
	case r.URL.Path == "/token":
		http.Error(w, "no: "+given, http.StatusUnauthorized)
	case r.Header.Get("Authorization") == "":
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host))
		w.WriteHeader(http.StatusUnauthorized)
	case !strings.Contains(r.URL.Path, strings.Split(r.Header.Get("Authorization"), ":")[1]):
		w.WriteHeader(http.StatusForbidden)
	case l.cut == nil || !l.cut(w, r):
		l.inner.ServeHTTP(w, r)
	}
}

// keychain is one account for every registry.
type keychain string

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: user, Password: string(k)}, nil
}

func startRegistry(t *testing.T, contents map[string]string) (*lockedRegistry, string) {
	t.Helper()
	blobs := registry.NewInMemoryBlobHandler()
	l := &lockedRegistry{inner: registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(blobs)), requests: map[string]int{}}
	host := strings.TrimPrefix(startHTTP(t, l.ServeHTTP), "http://")
	for repository, content := range contents {
		req, err := http.NewRequest(http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+blobOf(content).Digest, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		recorder := newRecorder()
		l.inner.ServeHTTP(recorder, req)
		if recorder.status != http.StatusCreated {
			t.Fatalf("storing: got %d", recorder.status)
		}
	}
	return l, host
}

type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder                    { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }

func TestRegistry(t *testing.T) {
	content := layer()
	locked, host := startRegistry(t, map[string]string{"base/debian": content, "base/static": "static"})
	here := func(repositories ...string) func(plan.Blob) []string {
		return func(plan.Blob) []string {
			var all []string
			for _, r := range repositories {
				all = append(all, host+"/"+r)
			}
			return all
		}
	}
	first := true
	locked.cut = func(w http.ResponseWriter, r *http.Request) bool {
		if !first || !strings.Contains(r.URL.Path, "/debian/") {
			return false
		}
		first = false
		cut(w, len(content), content[:len(content)/2])
		return true
	}
	for _, tc := range []struct {
		name         string
		repositories func(plan.Blob) []string
		keychain     authn.Keychain
		content      string
		want         kind
		words        string
	}{
		{"cut once", here("base/debian"), keychain(password), content, right, ""},
		{"no repository", here(), keychain(password), "x", absent, ""},
		{"absent", here("base/debian"), keychain(password), "x", absent, ""},
		{"in the second", here("base/debian", "base/static"), keychain(password), "static", right, ""},
		{"wrong password", here("base/debian"), keychain("hunter2"), content, other, `reading from repository "` + host + `/base/debian": authenticating: 401 Unauthorized`},
		{"nobody", here("base/debian"), nil, content, other, "authenticating: 401 Unauthorized"},
		{"no name", func(plan.Blob) []string { return []string{"Not/A/Name"} }, nil, content, other, `opening blobs of repository "Not/A/Name"`},
		{"one cannot be read", func(plan.Blob) []string { return []string{"127.0.0.1:1/x", host + "/base/static"} }, keychain(password), "static", right, ""},
		{"none can be read", func(plan.Blob) []string { return []string{"127.0.0.1:1/x"} }, keychain(password), "static", other, "connection refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &source.Registry{Repositories: tc.repositories, Keychain: tc.keychain, Timeout: 20 * time.Second}
			defer r.Close()
			got, err := read(r, blobOf(tc.content))
			if kindOf(err) != tc.want || tc.want == right && got != tc.content {
				t.Errorf("got %d bytes, %v; want %s", len(got), err, tc.want)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.words) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("got %v, want %q", err, tc.words)
			}
		})
	}
}

// TestRegistryAsksForOneToken reads many blobs of one repository at once.
func TestRegistryAsksForOneToken(t *testing.T) {
	locked, host := startRegistry(t, map[string]string{"base/debian": "layer"})
	r := &source.Registry{Repositories: func(plan.Blob) []string { return []string{host + "/base/debian"} }, Keychain: keychain(password)}
	defer r.Close()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := read(r, blobOf("layer")); err != nil || got != "layer" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	group.Wait()
	if diff := cmp.Diff(map[string]int{"GET /v2/": 1, "GET /token": 1, "GET /v2/base/debian": 8}, locked.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A registry that hangs costs its timeout once for each repository, not for each blob.
func TestRegistrySilent(t *testing.T) {
	hanging := startHTTP(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	repository := strings.TrimPrefix(hanging, "http://") + "/base/debian"
	r := &source.Registry{Repositories: func(plan.Blob) []string { return []string{repository} }, Timeout: silence}
	defer r.Close()
	_, err := read(r, blobOf("layer"))
	var whole *source.EndpointError
	if errors.As(err, &whole) || err == nil || !strings.Contains(err.Error(), "no byte for 300ms") {
		t.Errorf("got %v", err)
	}
	r.Timeout = time.Hour // of clients that are made from now on
	if _, again := read(r, blobOf("other")); again == nil || again.Error() != err.Error() {
		t.Errorf("got %v, want %v", again, err)
	}
}
