package source_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	largeSize   = 300 << 20
	largeGrowth = 64 << 20 // with the servers, which run in the same process
)

// large is a blob that is too large to be held: 300 MiB which compress well.
func large() io.Reader {
	block := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{2}).Read(block)
	var readers []io.Reader
	for range largeSize / len(block) {
		readers = append(readers, bytes.NewReader(block))
	}
	return io.MultiReader(readers...)
}

// heap is a writer that looks at the heap now and then.
type heap struct {
	written, seen int64
	peak          uint64
}

func (h *heap) Write(p []byte) (int, error) {
	if h.written += int64(len(p)); h.written-h.seen >= 4<<20 {
		h.seen = h.written
		h.peak = max(h.peak, heapInUse())
	}
	return len(p), nil
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestMemory reads 300 MiB from each source.
func TestMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(20)) // what is held counts, not what waits to be collected
	blob, file := largeFile(t)
	hex := strings.TrimPrefix(blob.Digest, "sha256:")
	server, err := bazelremote.Start(bazelremote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	upload(t, server.HTTP+"/cas/"+hex)
	upstream := strings.TrimPrefix(startHTTP(t, registry.New(registry.Logger(log.New(io.Discard, "", 0)),
		registry.WithBlobHandler(registry.NewDiskBlobHandler(filepath.Dir(filepath.Dir(link(t, file, "sha256", hex)))))).ServeHTTP), "http://")
	upstreamBlobs := &source.Registry{Repositories: func(plan.Blob) []string { return []string{upstream + "/base/debian"} }}
	defer upstreamBlobs.Close()
	for _, tc := range []struct {
		name  string
		blobs source.Blobs
	}{
		{"disk cache", source.DiskCache(filepath.Dir(filepath.Dir(filepath.Dir(link(t, file, "cas", hex[:2], hex)))))},
		{"HTTP", open(t, source.Cache{Endpoint: server.HTTP})},
		{"gRPC", open(t, source.Cache{Endpoint: server.GRPC})},
		{"gRPC, zstd", open(t, source.Cache{Endpoint: server.GRPC, Compression: true})},
		{"registry", upstreamBlobs},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runtime.GC()
			before := heapInUse()
			chain, _ := chainOf(source.Memory{}, tc.blobs)
			r, err := chain.Open(t.Context(), blob)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var h heap
			if n, err := io.Copy(&h, r); err != nil || n != largeSize {
				t.Fatalf("got %d bytes, %v; want %d", n, err, largeSize)
			}
			if h.peak > before+largeGrowth {
				t.Errorf("got a heap of %d MiB, %d MiB before; want %d MiB more at most", h.peak>>20, before>>20, largeGrowth>>20)
			}
			t.Logf("heap: %d MiB before, %d MiB at the peak", before>>20, h.peak>>20)
		})
	}
}

func largeFile(t *testing.T) (plan.Blob, string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), large()); err != nil {
		t.Fatal(err)
	}
	return plan.Blob{Digest: fmt.Sprintf("sha256:%x", hash.Sum(nil)), Size: largeSize}, f.Name()
}

// link gives the file a second name in a folder of its own.
func link(t *testing.T, file string, path ...string) string {
	t.Helper()
	name := filepath.Join(append([]string{t.TempDir()}, path...)...)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.Link(file, name)); err != nil {
		t.Fatal(err)
	}
	return name
}

func upload(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url, large())
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = largeSize
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s", resp.Status)
	}
}
