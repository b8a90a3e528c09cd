package registry_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func TestPush(t *testing.T) {
	s, d := newServer(t), newDisk()
	gateway, storage := d.image("gateway", "base", "gateway-1"), d.image("datastorage", "base", "datastorage-1")
	images := []registry.Image{s.to(gateway, "t1"), s.to(storage, "t1")}

	got, err := d.pusher().Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if got.BlobsSent != 5 || got.BlobsMounted != 1 || got.BlobsPresent != 0 || got.LayerBytes != int64(len("base"+"gateway-1"+"datastorage-1")) {
		t.Errorf("first push: got %+v", got)
	}
	if n := d.opened[gateway.Layers[0].Digest]; n != 1 {
		t.Errorf("shared layer: opened %d times, want once", n)
	}
	want := map[string]string{"gateway": s.host + "/k/gateway@" + gateway.Manifest.Digest, "datastorage": s.host + "/k/datastorage@" + storage.Manifest.Digest}
	if diff := cmp.Diff(want, got.References); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	if requests := int64(len(s.reset())); got.Requests != requests {
		t.Errorf("got %d requests, the registry saw %d", got.Requests, requests)
	}
	for _, reference := range []string{"t1", gateway.Manifest.Digest} {
		if got := s.digest(t, "k/gateway", reference); got != gateway.Manifest.Digest {
			t.Errorf("%s: got %q, want %q", reference, got, gateway.Manifest.Digest)
		}
	}
}

func TestPushUnchanged(t *testing.T) {
	s, d := newServer(t), newDisk()
	var images []registry.Image
	for i := range 10 {
		images = append(images, s.to(d.image(fmt.Sprintf("service%d", i), "base", fmt.Sprint("binary", i)), "t1"))
	}
	var sold atomic.Int32
	var scopes atomic.Value
	s.tokens("", &sold, &scopes)
	if _, err := d.pusher().Push(t.Context(), images); err != nil {
		t.Fatal(err)
	}
	s.reset()
	d.opened = map[string]int{}
	got, err := d.pusher().Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.count(http.MethodHead, "/manifests/t1"); n != 10 {
		t.Errorf("got %d HEADs of manifests, want 10", n)
	}
	// One ping, one token, one HEAD for each image.
	if sent, requests := s.bytes, len(s.reset()); requests != 12 || sent != 0 || got.Requests != 12 || got.BytesSent != 0 {
		t.Errorf("got %d requests and %d bytes, %+v", requests, sent, got)
	}
	if got.BlobsSent != 0 || got.BlobsPresent != 30 || len(d.opened) != 0 {
		t.Errorf("got %+v, opened %v", got, d.opened)
	}
}

func TestPushChanged(t *testing.T) {
	s, d := newServer(t), newDisk()
	storage := s.to(d.image("datastorage", "base", "datastorage-1"), "t1")
	if _, err := d.pusher().Push(t.Context(), []registry.Image{s.to(d.image("gateway", "base", "gateway-1"), "t1"), storage}); err != nil {
		t.Fatal(err)
	}
	s.reset()
	changed := d.image("gateway", "base", "gateway-two")
	got, err := d.pusher().Push(t.Context(), []registry.Image{s.to(changed, "t1"), storage})
	if err != nil {
		t.Fatal(err)
	}
	if got.BlobsSent != 2 || got.LayerBytes != int64(len("gateway-two")) || got.BlobsPresent != 4 || got.BlobsMounted != 0 {
		t.Errorf("got %+v", got)
	}
	if want := int64(len("gateway-two")) + changed.Config.Size + 2*changed.Manifest.Size; s.bytes != want {
		t.Errorf("the registry got %d bytes, want %d: layer, configuration, and the manifest by digest and by tag", s.bytes, want)
	}
	if got := s.digest(t, "k/gateway", "t1"); got != changed.Manifest.Digest {
		t.Errorf("tag: got %q, want %q", got, changed.Manifest.Digest)
	}
	if n := s.count(http.MethodPut, "/k/datastorage/"); n != 0 {
		t.Errorf("got %d writes to the unchanged image, want none", n)
	}
}

// A new tag of an image that is there costs two looks and the tag.
func TestPushNewTag(t *testing.T) {
	s, d := newServer(t), newDisk()
	gateway := d.image("gateway", "base")
	for _, tag := range []string{"t1", "t2"} {
		s.reset()
		if _, err := d.pusher().Push(t.Context(), []registry.Image{s.to(gateway, tag)}); err != nil {
			t.Fatal(err)
		}
	}
	want := sorted([]string{"GET /v2/", "HEAD /v2/k/gateway/manifests/t2", "HEAD /v2/k/gateway/manifests/" + gateway.Manifest.Digest, "PUT /v2/k/gateway/manifests/t2"})
	if diff := cmp.Diff(want, sorted(s.reset())); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPushFails(t *testing.T) {
	deny := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	var denied *registry.DeniedError
	var unreachable *registry.UnreachableError
	var corrupt *source.CorruptError
	isDenied := func(err error) bool { return errors.As(err, &denied) && !errors.As(err, &unreachable) }
	isUnreachable := func(err error) bool { return errors.As(err, &unreachable) && !errors.As(err, &denied) }
	isOther := func(err error) bool { return !errors.As(err, &denied) && !errors.As(err, &unreachable) }
	for _, tc := range []struct {
		name  string
		fault func(http.ResponseWriter, *http.Request) bool
		edit  func(*disk, plan.Descriptor)
		want  string
		is    func(error) bool
	}{
		{
			name:  "403 with a reason",
			fault: deny(403, `{"errors":[{"code":"DENIED","message":"this token cannot write packages"}]}`),
			want:  "403 Forbidden (this token cannot write packages)", is: isDenied,
		},
		{name: "403 with a page", fault: deny(403, "<html>no</html>"), want: "403 Forbidden", is: isDenied},
		{name: "401", fault: deny(401, `{"errors":[{"code":"UNAUTHORIZED"}]}`), want: "401 Unauthorized (unauthorized)", is: isDenied},
		{name: "always busy", fault: deny(429, ""), want: "429 Too Many Requests", is: isUnreachable},
		{name: "always down", fault: deny(503, "down"), want: "503 Service Unavailable", is: isUnreachable},
		{name: "refused name", fault: deny(400, `{"errors":[{"code":"NAME_INVALID","message":"no"}]}`), want: "400 Bad Request (no)", is: isOther},
		{
			name: "missing blob",
			edit: func(d *disk, g plan.Descriptor) { delete(d.blobs, g.Layers[1].Digest) },
			want: "file does not exist", is: func(err error) bool { return isOther(err) && errors.Is(err, fs.ErrNotExist) },
		},
		{
			name: "wrong digest",
			edit: func(d *disk, g plan.Descriptor) { d.blobs[g.Layers[1].Digest] = []byte("gateway-2") },
			want: "is corrupt: its bytes have the digest", is: func(err error) bool { return isOther(err) && errors.As(err, &corrupt) },
		},
		{
			name: "truncated",
			edit: func(d *disk, g plan.Descriptor) { d.blobs[g.Layers[1].Digest] = []byte("gate") },
			want: "is corrupt: 4 bytes of 9", is: func(err error) bool { return isOther(err) && errors.As(err, &corrupt) },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			gateway := d.image("gateway", "base", "gateway-1")
			s.fault = tc.fault
			if tc.edit != nil {
				tc.edit(d, gateway)
			}
			_, err := d.pusher().Push(t.Context(), []registry.Image{s.to(gateway, "t1")})
			prefix := "pushing //services/gateway:image to " + s.host + "/k/gateway: "
			if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %q, want %q", err, prefix+tc.want)
			}
			if !tc.is(err) {
				t.Errorf("got the wrong type of error: %#v", err)
			}
			s.repair()
			for _, reference := range []string{"t1", gateway.Manifest.Digest} {
				if got := s.digest(t, "k/gateway", reference); got != "" {
					t.Errorf("%s is there after a failed push", reference)
				}
			}
		})
	}
}

// One image that cannot be pushed keeps every tag from being written, and both failures are named.
func TestPushNamesEachFailure(t *testing.T) {
	s, d := newServer(t), newDisk()
	var images []registry.Image
	for _, name := range []string{"a", "b", "c"} {
		image := d.image(name, "layer of "+name)
		if name != "b" {
			delete(d.blobs, image.Layers[0].Digest)
		}
		images = append(images, s.to(image, "t1"))
	}
	_, err := d.pusher().Push(t.Context(), images)
	for _, want := range []string{"//services/a:image", "//services/c:image"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if got := s.digest(t, "k/b", "t1"); got != "" {
		t.Error("got a tag, want none")
	}
}

func TestPushUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	d := newDisk()
	for name, tc := range map[string]struct{ host, want string }{
		"refused":        {host, "connection refused"},
		"not HTTP":       {strings.TrimPrefix(tls.URL, "https://"), "400 Bad Request"},
		"not a registry": {newNotFound(t), "404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.pusher().Push(t.Context(), []registry.Image{{Descriptor: d.image("gateway", "base"), Repository: tc.host + "/gateway"}})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "pushing //services/gateway:image to "+tc.host+"/gateway: ") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			var unreachable *registry.UnreachableError
			if got, want := errors.As(err, &unreachable), name == "refused"; got != want {
				t.Errorf("got unreachable %v, want %v: %v", got, want, err)
			}
		})
	}
}

func newNotFound(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestPlan(t *testing.T) {
	s, d := newServer(t), newDisk()
	storage := s.to(d.image("datastorage", "base", "datastorage-1"), "t1")
	if _, err := d.pusher().Push(t.Context(), []registry.Image{storage}); err != nil {
		t.Fatal(err)
	}
	s.reset()
	gateway := d.image("gateway", "base", "gateway-1")
	images := []registry.Image{s.to(gateway, "t1"), storage}
	got, err := d.pusher().Plan(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	sent := int64(len("gateway-1")) + gateway.Config.Size + 2*gateway.Manifest.Size
	want := registry.DryRun{
		Requests: int64(len(s.reset())),
		Images: []registry.ImageDryRun{
			{Name: "gateway", Reference: images[0].Reference(), Tags: []string{"t1"}, Blobs: 2, BlobsMounted: 1, Bytes: sent, LayerBytes: 9, Requests: 10},
			{Name: "datastorage", Reference: storage.Reference(), Present: true, BlobsPresent: 3},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	pushed, err := d.pusher().Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if pushed.BytesSent != sent {
		t.Errorf("push sent %d bytes, the plan said %d", pushed.BytesSent, sent)
	}
	// Ping, the tag of one image, tag and digest of the other; the rest is what the plan said.
	if got, want := pushed.Requests, int64(1+1+2+10); got != want {
		t.Errorf("push took %d requests, want %d", got, want)
	}
}
