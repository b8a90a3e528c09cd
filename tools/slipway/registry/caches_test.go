package registry_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	reapi "github.com/buchgr/bazel-remote/v2/genproto/build/bazel/remote/execution/v2"
	"google.golang.org/grpc"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// A cache that cannot be used as it should ends in one clear error and in a registry without a manifest or a tag. Where another
// source has the layers the push succeeds by it, with each blob taken once.
func TestPushFromBadCache(t *testing.T) {
	const base = "base" // the layer that the caches do wrong; other ones they have
	for _, tc := range []struct {
		name   string
		answer spoil // for the base; nil: the cache is one of another digest function
		want   string
	}{
		{"other digest function", nil, "its digest function is BLAKE3; images need SHA256"},
		{"evicted", func(w http.ResponseWriter, r *http.Request, _ []byte) { http.NotFound(w, r) }, "of 4 bytes is nowhere to be found"},
		{"truncated", func(w http.ResponseWriter, _ *http.Request, content []byte) {
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			w.Write(content[:1])
		}, "unexpected EOF"},
		{"corrupted", func(w http.ResponseWriter, _ *http.Request, content []byte) {
			w.Write(append([]byte("X"), content[1:]...))
		}, "is corrupt: its bytes have the digest sha256:"},
		{"hangs", func(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }, "no byte for 300ms"},
		{"hangs in the middle", func(w http.ResponseWriter, r *http.Request, content []byte) {
			w.Write(content[:1])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "no byte for 300ms"},
		{"wrong credentials", func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Error(w, "no", http.StatusUnauthorized)
		}, "it refuses the credentials: 401 Unauthorized"},
		{"down for an hour", func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "503 Service Unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel() // attempts wait for each other
			s, d := newServer(t), newDisk()
			images := []registry.Image{s.to(d.image("a", base, "1"), "t1"), s.to(d.image("b", base, "2"), "t1")}
			address := otherFunctionCache(t)
			if tc.answer != nil {
				address = spoiltCache(t, d, images[0].Descriptor.Layers[0].Digest, tc.answer)
			}
			cache, err := source.OpenCache(source.Cache{Endpoint: address, Timeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			p := d.pusher()
			p.Blobs = &source.Chain{Sources: []source.Named{{Name: "the cache", Blobs: cache}}}
			got, err := p.Push(t.Context(), images)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") || got.References != nil {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if _, manifests := s.listed(); manifests != 0 {
				t.Errorf("the registry lists %v", s.manifests)
			}
			p.Blobs = &source.Chain{Sources: []source.Named{{Name: "the cache", Blobs: cache}, {Name: "the disk", Blobs: d}}}
			if _, err := p.Push(t.Context(), images); err != nil || len(s.audit(t)) != 2 {
				t.Errorf("with another source: got %v, tags %v", err, s.audit(t))
			}
			s.takenOnce(t)
		})
	}
}

// spoil answers for a blob that the cache had once.
type spoil func(w http.ResponseWriter, r *http.Request, content []byte)

// spoiltCache has what the disk has, but for one blob. Its address has a password.
func spoiltCache(t *testing.T, d *disk, bad string, answer spoil) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		digest := "sha256:" + path.Base(r.URL.Path)
		if content := d.blobs[digest]; digest == bad {
			answer(w, r, content)
		} else {
			w.Write(content)
		}
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "http://me:hunter2@", 1)
}

// blake is a cache that names its content by BLAKE3.
type blake struct {
	reapi.UnimplementedCapabilitiesServer
}

func (blake) GetCapabilities(context.Context, *reapi.GetCapabilitiesRequest) (*reapi.ServerCapabilities, error) {
	return &reapi.ServerCapabilities{CacheCapabilities: &reapi.CacheCapabilities{DigestFunctions: []reapi.DigestFunction_Value{reapi.DigestFunction_BLAKE3}}}, nil
}

func otherFunctionCache(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	reapi.RegisterCapabilitiesServer(server, blake{})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return "grpc://" + listener.Addr().String()
}
