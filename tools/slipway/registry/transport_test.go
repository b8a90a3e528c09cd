package registry_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// A busy registry is asked again after the time that it names; a body is sent anew from its first byte.
func TestPushRetries(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		method string
		path   string
		times  int32
	}{
		{"busy at the ping", 429, http.MethodGet, "/v2/", 2},
		{"busy at HEAD", 429, http.MethodHead, "/v2/", 2},
		{"busy at the upload's begin", 429, http.MethodPost, "/uploads/", 2},
		{"busy at the body", 429, http.MethodPut, "/uploads/", 2},
		{"down in the body", 502, http.MethodPut, "/uploads/", 2},
		{"down at the manifest", 503, http.MethodPut, "/manifests/sha256:", 2},
		{"busy at the tag", 429, http.MethodPut, "/manifests/t1", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			var failed atomic.Int32
			s.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != tc.method || !strings.Contains(r.URL.Path, tc.path) || failed.Add(1) > tc.times {
					return false
				}
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(tc.status)
				return true
			}
			gateway := d.image("gateway", "base", "gateway-1")
			got, err := d.pusher().Push(t.Context(), []registry.Image{s.to(gateway, "t1")})
			if err != nil {
				t.Fatal(err)
			}
			if got.BlobsSent != 3 || failed.Load() <= tc.times {
				t.Errorf("got %+v after %d failures", got, failed.Load())
			}
			if got := s.digest(t, "k/gateway", "t1"); got != gateway.Manifest.Digest {
				t.Errorf("tag: got %q, want %q", got, gateway.Manifest.Digest)
			}
		})
	}
}

// tokens makes the registry ask for bearer tokens, which it sells for one password.
func (s *server) tokens(password string, sold *atomic.Int32, scopes *atomic.Value) {
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			scopes.Store(r.URL.Query()["scope"])
			if _, got, _ := r.BasicAuth(); got != password {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, `{"errors":[{"code":"DENIED","message":"bad password %s"}]}`, got)
				return true
			}
			sold.Add(1)
			fmt.Fprint(w, `{"token":"open-sesame"}`)
			return true
		}
		if r.Header.Get("Authorization") == "Bearer open-sesame" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
}

func TestPushWithOneToken(t *testing.T) {
	s, d := newServer(t), newDisk()
	var sold atomic.Int32
	var scopes atomic.Value
	s.tokens("hunter2", &sold, &scopes)
	p := d.pusher()
	p.Keychain = keychain{"me", "hunter2"}
	images := []registry.Image{s.to(d.image("a", "base", "1"), "t"), s.to(d.image("b", "base", "2"), "t"), s.to(d.image("c", "base", "3"), "t")}
	got, err := p.Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if sold.Load() != 1 || got.BlobsMounted != 2 {
		t.Errorf("got %d tokens and %+v, want one token and two mounts", sold.Load(), got)
	}
	want := []string{"repository:k/a:push,pull", "repository:k/b:push,pull", "repository:k/c:push,pull"}
	if diff := cmp.Diff(want, scopes.Load()); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if got, err = p.Push(t.Context(), images); err != nil || got.Requests != 5 {
		t.Errorf("unchanged: got %d requests, %v; want a ping, a token and three HEADs", got.Requests, err)
	}
}

func TestPushTokenRefused(t *testing.T) {
	s, d := newServer(t), newDisk()
	var sold atomic.Int32
	var scopes atomic.Value
	s.tokens("hunter2", &sold, &scopes)
	p := d.pusher()
	p.Keychain = keychain{"me", "hunter3"}
	_, err := p.Push(t.Context(), []registry.Image{s.to(d.image("gateway", "base"), "t")})
	var denied *registry.DeniedError
	if !errors.As(err, &denied) || denied.Status != 403 || denied.Registry() != s.host {
		t.Fatalf("got %#v, want a DeniedError", err)
	}
	for _, secret := range []string{"hunter3", base64.StdEncoding.EncodeToString([]byte("me:hunter3"))} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("got %q, which holds the password", err)
		}
	}
	if !strings.HasSuffix(err.Error(), "403 Forbidden (bad password [redacted])") {
		t.Errorf("got %q", err)
	}
	if blobs, manifests := s.listed(); blobs+manifests != 0 {
		t.Errorf("the registry lists %d blobs and %d manifests", blobs, manifests)
	}
}

// A token server that sells no right to write is no obstacle when everything is there.
func TestPushReadOnlyToken(t *testing.T) {
	s, d := newServer(t), newDisk()
	there, missing := s.to(d.image("there", "base"), "t1"), s.to(d.image("missing", "base"), "t1")
	if _, err := d.pusher().Push(t.Context(), []registry.Image{there}); err != nil {
		t.Fatal(err)
	}
	var sold atomic.Int32
	var scopes atomic.Value
	s.tokens("", &sold, &scopes)
	sell := s.fault
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" && strings.Contains(r.URL.RawQuery, "push") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return sell(w, r)
	}
	got, err := d.pusher().Push(t.Context(), []registry.Image{there})
	if err != nil || got.BlobsPresent != 2 || got.References["there"] != there.Reference() {
		t.Errorf("everything there: got %+v, %v", got, err)
	}
	var denied *registry.DeniedError
	if _, err := d.pusher().Push(t.Context(), []registry.Image{there, missing}); !errors.As(err, &denied) {
		t.Errorf("something missing: got %v, want a DeniedError", err)
	}
	there.Tags = []string{"t2"}
	if _, err := d.pusher().Push(t.Context(), []registry.Image{there}); !errors.As(err, &denied) {
		t.Errorf("tag missing: got %v, want a DeniedError", err)
	}
}

// Tokens end while layers wait for their turn or are on their way. What has a body then goes up whole, with the next token.
func TestPushTokenEnds(t *testing.T) {
	for _, at := range []string{uploads, manifests, "/manifests/t1"} {
		t.Run(at, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			var sold, ended atomic.Int32 // ended: tokens up to this number
			s.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/token" {
					fmt.Fprintf(w, `{"token":"number %d"}`, sold.Add(1))
					return true
				}
				if r.Method == http.MethodPut && strings.Contains(r.URL.Path, at) {
					ended.CompareAndSwap(0, sold.Load())
				}
				var number int32
				if fmt.Sscanf(r.Header.Get("Authorization"), "Bearer number %d", &number); number > ended.Load() {
					return false
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="test",error="invalid_token"`)
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			image := s.to(d.image("gateway", "base"), "t1")
			got, err := d.pusher().Push(t.Context(), []registry.Image{image})
			if err != nil || got.BlobsSent != 2 || ended.Load() == 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			s.repair()
			if got := s.digest(t, "k/gateway", "t1"); got != image.Descriptor.Manifest.Digest {
				t.Errorf("tag: got %q, want %q", got, image.Descriptor.Manifest.Digest)
			}
			s.takenOnce(t)
		})
	}
}

// A token server that goes away is told of without its address, which is as long as the list of images.
func TestPushTokenServerGone(t *testing.T) {
	s, d := newServer(t), newDisk()
	var sold atomic.Int32
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/token" && sold.Add(1) > 1:
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/token":
			fmt.Fprint(w, `{"token":"short-lived"}`)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.URL+`/token",service="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
		return true
	}
	_, err := d.pusher().Push(t.Context(), []registry.Image{s.to(d.image("a", "base"), "t")})
	if want := "pushing //services/a:image to " + s.host + "/k/a: EOF"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

type keychain struct{ user, password string }

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: k.user, Password: k.password}, nil
}

func TestPlainHTTP(t *testing.T) {
	d := newDisk()
	var seen atomic.Value
	p := d.pusher()
	p.PlainHTTP = []string{"172.18.0.1:5001"}
	p.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		seen.Store(r.URL.Scheme)
		return nil, errors.New("no network in this test")
	})
	for host, want := range map[string]string{
		"localhost:5001": "http", "127.0.0.1:5001": "http", "[::1]:5001": "http", "172.18.0.1:5001": "http",
		"172.18.0.2:5001": "https", "ghcr.io": "https", "kind.local": "https",
	} {
		if _, err := p.Push(t.Context(), []registry.Image{{Descriptor: d.image("a", "x"), Repository: host + "/a"}}); err == nil {
			t.Errorf("%s: got no error", host)
		}
		if got := seen.Load(); got != want {
			t.Errorf("%s: got %v, want %s", host, got, want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
