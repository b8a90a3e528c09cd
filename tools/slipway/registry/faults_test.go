package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// fault answers in the registry's place, as long as times is above 0; -1 is always.
type fault struct {
	method, path string // of the requests that it takes; the path is a part
	times        int32
	answer       func(s *server, w http.ResponseWriter, r *http.Request) bool
}

func (f fault) on(s *server) *atomic.Int32 {
	var hit atomic.Int32
	s.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != f.method || !strings.Contains(r.URL.Path, f.path) || f.times >= 0 && hit.Load() >= f.times {
			return false
		}
		hit.Add(1)
		return f.answer(s, w, r)
	}
	return &hit
}

func refuse(status int, code string, header ...string) func(*server, http.ResponseWriter, *http.Request) bool {
	return func(_ *server, w http.ResponseWriter, r *http.Request) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"no"}]}`, code)
		return true
	}
}

// cut takes one byte of the body and closes the connection.
func cut(_ *server, w http.ResponseWriter, r *http.Request) bool {
	io.ReadFull(r.Body, make([]byte, 1))
	panic(http.ErrAbortHandler)
}

// silently is of a registry that takes manifests from now on without a word of what it has then.
func silently(answer func(*server, http.ResponseWriter, *http.Request) bool) func(*server, http.ResponseWriter, *http.Request) bool {
	return func(s *server, w http.ResponseWriter, r *http.Request) bool {
		s.mu.Lock()
		s.silent = true
		s.mu.Unlock()
		return answer(s, w, r)
	}
}

// noMount takes the request for one to begin an upload.
func noMount(_ *server, _ http.ResponseWriter, r *http.Request) bool {
	r.URL.RawQuery = ""
	return false
}

// lost has dropped the blob that it says it has.
func lost(s *server, w http.ResponseWriter, r *http.Request) bool {
	w.WriteHeader(http.StatusOK)
	return true
}

const (
	uploads   = "/blobs/uploads/"
	manifests = "/manifests/sha256:"
)

// Each fault that passes ends in success: all blobs, manifests and tags are there, and each blob was taken as often as there
// are repositories that cannot mount it.
func TestPushSurvives(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault fault
		sent  int // blobs; without faults 5, and one is mounted
	}{
		{"forgets uploads", fault{http.MethodPut, uploads, 3, refuse(404, "BLOB_UPLOAD_UNKNOWN")}, 5},
		{"garbles bodies", fault{http.MethodPut, uploads, 2, refuse(400, "DIGEST_INVALID")}, 5},
		{"loses its place", fault{http.MethodPut, uploads, 2, refuse(416, "BLOB_UPLOAD_INVALID")}, 5},
		{"ends the token in the body", fault{http.MethodPut, uploads, 1, refuse(401, "UNAUTHORIZED")}, 5},
		{"cuts bodies off", fault{http.MethodPut, uploads, 3, cut}, 5},
		{"cuts answers off", fault{http.MethodHead, "/blobs/", 2, cut}, 5},
		{"cuts manifests off", fault{http.MethodPut, manifests, 2, cut}, 5},
		{"takes mounts for uploads", fault{http.MethodPost, uploads, -1, noMount}, 6},
		{"refuses mounts", fault{http.MethodPost, uploads, -1, func(s *server, w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Query().Get("mount") != "" && refuse(400, "UNSUPPORTED")(s, w, r)
		}}, 6},
		{"has lost a blob", fault{http.MethodHead, "/k/b/blobs/" + blob("", []byte("2")).Digest, 1, lost}, 5},
		{"shows tags late", fault{http.MethodHead, "/manifests/t1", 4, silently(refuse(404, "MANIFEST_UNKNOWN"))}, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			images := []registry.Image{s.to(d.image("a", "base", "1"), "t1"), s.to(d.image("b", "base", "2"), "t1")}
			hit := tc.fault.on(s)
			got, err := d.pusher().Push(t.Context(), images)
			if err != nil {
				t.Fatal(err)
			}
			if hit.Load() == 0 {
				t.Error("the fault did not happen")
			}
			s.repair()
			if diff := cmp.Diff([]string{"k/a:t1", "k/b:t1"}, s.audit(t)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if got.BlobsSent != tc.sent || got.BlobsSent+got.BlobsMounted != 6 {
				t.Errorf("got %+v, want %d blobs sent and the rest mounted", got, tc.sent)
			}
			s.takenOnce(t)
		})
	}
}

// HTTP/2, which hosted registries speak, ends one request without its connection, and says so in words of its own.
func TestPushSurvivesHTTP2(t *testing.T) {
	for _, f := range []fault{
		{http.MethodPut, uploads, 3, cut}, {http.MethodHead, "/blobs/", 2, cut}, {http.MethodPut, manifests, 2, cut},
	} {
		t.Run(f.method+f.path, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			hit := f.on(s)
			p := d.pusher()
			p.Transport = s.secure()
			defer s.secured.Close()
			image := s.to(d.image("a", "base"), "t1")
			image.Repository = "example.com/k/a" // of the certificate, and not a loopback address, which would be spoken to in plain text
			if _, err := p.Push(t.Context(), []registry.Image{image}); err != nil {
				t.Fatal(err)
			}
			if hit.Load() == 0 {
				t.Error("the fault did not happen")
			}
			if diff := cmp.Diff([]string{"k/a:t1"}, s.audit(t)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			s.takenOnce(t)
		})
	}
}

// Ten repositories of a registry without mounts each get the base, which is read for its owner and once for all others.
func TestPushWithoutMounts(t *testing.T) {
	s, d := newServer(t), newDisk()
	fault{http.MethodPost, uploads, -1, noMount}.on(s)
	var images []registry.Image
	for i := range 9 {
		images = append(images, s.to(d.image(fmt.Sprint("service", i), "base", fmt.Sprint("binary", i)), "t1"))
	}
	// The last image's configuration is another's, too, and in the descriptors alone.
	copied := s.to(images[0].Descriptor, "t1")
	copied.Repository = s.host + "/k/copy"
	images = append(images, copied)
	got, err := d.pusher().Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if got.BlobsSent != 30 || len(s.audit(t)) != 10 {
		t.Errorf("got %+v and tags %v", got, s.audit(t))
	}
	if n := d.opened[images[0].Descriptor.Layers[0].Digest]; n != 2 {
		t.Errorf("the base was read %d times, want twice", n)
	}
	s.takenOnce(t)
}

// takenOnce reports blobs that a repository has taken twice.
func (s *server) takenOnce(t *testing.T) {
	t.Helper()
	for name, n := range s.taken {
		if n != 1 {
			t.Errorf("%s was taken %d times", name, n)
		}
	}
}

// A registry that stays broken ends in one error, with nothing half delivered; the push after the repair sends what lacks.
func TestPushBreaksOff(t *testing.T) {
	var unreachable *registry.UnreachableError
	isUnreachable := func(err error) bool { return errors.As(err, &unreachable) }
	isOther := func(err error) bool { return !errors.As(err, &unreachable) }
	for _, tc := range []struct {
		name  string
		fault fault
		want  string
		is    func(error) bool
		most  int // requests
	}{
		{"forgets every upload", fault{http.MethodPut, uploads, -1, refuse(404, "BLOB_UPLOAD_UNKNOWN")}, "404 Not Found (no)", isOther, 70},
		{"cuts every body off", fault{http.MethodPut, uploads, -1, cut}, "EOF", isUnreachable, 70},
		{"is down for an hour", fault{http.MethodPut, uploads, -1, refuse(503, "", "Retry-After", "3600")}, "503 Service Unavailable", isUnreachable, 40},
		{"is busy for an hour", fault{http.MethodHead, "", -1, refuse(429, "", "Retry-After", "3600")}, "429 Too Many Requests", isUnreachable, 5},
		{"lacks a blob for ever", fault{http.MethodPut, manifests, -1, refuse(404, "MANIFEST_BLOB_UNKNOWN")}, "404 Not Found (no)", isOther, 60},
		{"refuses one manifest", fault{http.MethodPut, "/k/b" + manifests, -1, refuse(400, "MANIFEST_INVALID")}, "k/b: 400 Bad Request (no)", isOther, 60},
		{"refuses one tag", fault{http.MethodPut, "/k/b/manifests/t1", -1, refuse(409, "DENIED")}, "k/b: 409 Conflict (no)", isOther, 60},
		{"loses tags", fault{http.MethodHead, "/manifests/t1", -1, silently(refuse(404, "MANIFEST_UNKNOWN"))}, "t1 was written, but the registry does not have sha256:", isOther, 60},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			images := []registry.Image{s.to(d.image("a", "base", "1"), "t1"), s.to(d.image("b", "base", "2"), "t1")}
			tc.fault.on(s)
			got, err := d.pusher().Push(t.Context(), images)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !tc.is(err) {
				t.Fatalf("got %v (%T), want %q", err, err, tc.want)
			}
			if got.References != nil {
				t.Errorf("got references %v of a failed push", got.References)
			}
			if n := len(s.reset()); n > tc.most {
				t.Errorf("got %d requests, want at most %d", n, tc.most)
			}
			// Tags are there only when they were written last, after all manifests.
			if tags := s.audit(t); len(tags) > 0 && len(s.manifests) < 2+len(tags) {
				t.Errorf("got tags %v with the manifests %v", tags, s.manifests)
			}
			s.repairs(t, d, images)
		})
	}
}

// repairs pushes again without faults; what is there by then is not sent a second time.
func (s *server) repairs(t *testing.T, d *disk, images []registry.Image) {
	t.Helper()
	s.repair()
	before, _ := s.listed()
	got, err := d.pusher().Push(t.Context(), images)
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := s.listed(); got.BlobsSent > all-before {
		t.Errorf("got %d blobs sent after the repair, %d of them new", got.BlobsSent, all-before)
	}
	if tags := s.audit(t); len(tags) != len(images) {
		t.Errorf("got tags %v after the repair", tags)
	}
}

// The registry goes away in the middle of the blobs of ten images, or the push is interrupted there: no manifest and no tag
// is left, and the next push sends the rest, each blob once in all.
func TestPushResumes(t *testing.T) {
	for _, name := range []string{"registry goes away", "interrupted"} {
		t.Run(name, func(t *testing.T) {
			s, d := newServer(t), newDisk()
			var images []registry.Image
			for i := range 10 {
				images = append(images, s.to(d.image(fmt.Sprint("service", i), "base", fmt.Sprint("binary", i)), "t1"))
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var puts atomic.Int32
			s.fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut && puts.Add(1) <= 7 || puts.Load() <= 7 {
					return false
				}
				if name == "interrupted" {
					cancel()
				}
				return cut(s, w, r)
			}
			got, err := d.pusher().Push(ctx, images)
			if err == nil || name == "interrupted" != (err == context.Canceled) {
				t.Fatalf("got %v", err)
			}
			s.answering.Wait()
			first, manifests := s.listed()
			if first == 0 || first > 7 || manifests != 0 {
				t.Fatalf("got %d blobs, %d manifests, %+v", first, manifests, got)
			}
			s.repair()
			if got, err = d.pusher().Push(t.Context(), images); err != nil {
				t.Fatal(err)
			}
			// A base, ten binaries, ten configurations. The registry may have taken one more that nobody waited for.
			if all, _ := s.listed(); all != 21 || len(s.audit(t)) != 10 || got.BlobsSent > all-first {
				t.Errorf("got %d blobs at first and %d at last, tags %v, %+v", first, all, s.audit(t), got)
			}
			s.takenOnce(t)
		})
	}
}

// Retry-After is waited for in the middle of an upload, too.
func TestPushWaitsInUpload(t *testing.T) {
	s, d := newServer(t), newDisk()
	fault{http.MethodPut, uploads, 1, refuse(503, "", "Retry-After", "1")}.on(s)
	start := time.Now()
	if _, err := d.pusher().Push(t.Context(), []registry.Image{s.to(d.image("a", "base"), "t1")}); err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(start); waited < time.Second {
		t.Errorf("came back after %s, the registry asked for 1 s", waited)
	}
}
