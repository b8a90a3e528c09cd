package diskcache_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubernaut/kubernaut/test/diskcache"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// The reader that the folder is for must find what a link in the layout stood for.
func TestFill(t *testing.T) {
	const content = "layer"
	hex := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	layout, cache := t.TempDir(), t.TempDir()
	layer := filepath.Join(t.TempDir(), "layer.tar")
	blobs := filepath.Join(layout, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(layer, []byte(content), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(layer, filepath.Join(blobs, hex)); err != nil {
		t.Fatal(err)
	}
	if err := diskcache.Fill(cache, layout); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(layer); err != nil {
		t.Fatal(err)
	}
	r, err := source.DiskCache(cache).Open(t.Context(), plan.Blob{Digest: "sha256:" + hex, Size: int64(len(content))})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != content {
		t.Errorf("got %q, %v; want %q", got, err, content)
	}
}

func TestFillWithoutBlobs(t *testing.T) {
	if err := diskcache.Fill(t.TempDir(), t.TempDir()); err == nil {
		t.Error("got no error for a folder that is no layout")
	}
}
