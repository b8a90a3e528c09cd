package registry_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// An upload may go on at another host, but not without the TLS that the registry has.
func TestPushUploadElsewhere(t *testing.T) {
	for _, tc := range []struct {
		method string
		status int
	}{{http.MethodPost, http.StatusAccepted}, {http.MethodPut, http.StatusTemporaryRedirect}} {
		t.Run(tc.method, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			fault{tc.method, uploads, -1, func(_ *server, w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Location", "http://storage.invalid/upload?credential=hunter2")
				w.WriteHeader(tc.status)
				return true
			}}.on(s)
			p := d.pusher()
			p.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				plain := r.Clone(r.Context())
				plain.URL.Scheme, plain.URL.Host = "http", s.host
				resp, err := http.DefaultTransport.RoundTrip(plain)
				if err == nil {
					resp.Request = r
				}
				return resp, err
			})
			image := s.to(d.image("a", "base"), "t1")
			image.Repository = "registry.example.com/k/a"
			_, err := p.Push(t.Context(), []registry.Image{image})
			want := "pushing //services/a:image to registry.example.com/k/a: the registry leads to storage.invalid without TLS"
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// With several registries, no tag is written in one before the other has everything.
func TestPushSeveralRegistries(t *testing.T) {
	good, bad, d := newServer(t), newServer(t), newDisk()
	fault{http.MethodPut, uploads, -1, refuse(500, "")}.on(bad)
	images := []registry.Image{good.to(d.image("a", "base"), "t1"), bad.to(d.image("b", "base"), "t1")}
	if _, err := d.pusher().Push(t.Context(), images); err == nil {
		t.Fatal("got no error")
	}
	if len(good.manifests) != 0 {
		t.Errorf("got %v in the good registry", good.manifests)
	}
	bad.repair()
	if _, err := d.pusher().Push(t.Context(), images); err != nil || len(good.audit(t)) != 1 || len(bad.audit(t)) != 1 {
		t.Errorf("got %v after the repair, tags %v and %v", err, good.audit(t), bad.audit(t))
	}
}

// An empty layer has a body of 0 bytes, which is not one of unknown length.
func TestPushEmptyLayer(t *testing.T) {
	s, d := newServer(t), newDisk()
	image := s.to(d.image("a", ""), "t1")
	s.fault = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.ContentLength < 0 {
			t.Errorf("%s: got a body of unknown length", r.URL.Path)
		}
		return false
	}
	if _, err := d.pusher().Push(t.Context(), []registry.Image{image}); err != nil {
		t.Fatal(err)
	}
	if got := s.audit(t); len(got) != 1 {
		t.Errorf("got tags %v", got)
	}
}

// A source with wrong bytes is left for the next one; when there is none, its corruption is the error.
func TestPushOtherSource(t *testing.T) {
	s, good, bad := newServer(t), newDisk(), newDisk()
	image := s.to(good.image("a", "base", "1"), "t1")
	bad.image("a", "base")
	bad.blobs[image.Descriptor.Layers[1].Digest] = []byte("2")
	chain := func(disks ...*disk) *source.Chain {
		c := &source.Chain{}
		for i, d := range disks {
			c.Sources = append(c.Sources, source.Named{Name: fmt.Sprint("source ", i), Blobs: d})
		}
		return c
	}
	p := bad.pusher()
	p.Blobs = chain(bad)
	var corrupt *source.CorruptError
	if _, err := p.Push(t.Context(), []registry.Image{image}); !errors.As(err, &corrupt) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bad source alone: got %v, want a CorruptError", err)
	}
	if tags := s.audit(t); len(tags) != 0 {
		t.Errorf("bad source alone: got tags %v", tags)
	}
	p.Blobs = chain(bad, good)
	if _, err := p.Push(t.Context(), []registry.Image{image}); err != nil || len(s.audit(t)) != 1 {
		t.Errorf("with a good source: got %v and tags %v", err, s.audit(t))
	}
	s.takenOnce(t)
}
