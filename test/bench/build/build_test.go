package build

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestActionTimes(t *testing.T) {
	got, err := actionTimes([]byte(`{"otherData": {}, "traceEvents": [
		{"name": "thread_name", "ph": "M", "args": {"name": "main"}},
		{"cat": "action processing", "name": "Describing layer a", "ph": "X", "ts": 1, "dur": 1500, "args": {"mnemonic": "OCIDescriptor"}},
		{"cat": "action processing", "name": "Describing layer b", "ph": "X", "ts": 1, "dur": 500, "args": {"mnemonic": "OCIDescriptor"}},
		{"cat": "subprocess.run", "name": "subprocess.run", "ph": "X", "ts": 1, "dur": 700, "args": {"mnemonic": "OCIDescriptor"}},
		{"cat": "action processing", "name": "Building image", "ph": "X", "ts": 2, "dur": 250, "args": {"mnemonic": "OCIImage"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Duration{"OCIDescriptor": 2 * time.Millisecond, "OCIImage": 250 * time.Microsecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
	if _, err := actionTimes([]byte("{")); err == nil {
		t.Error("half a profile: no error")
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"HOME=/h", "BUILD_WORKSPACE_DIRECTORY=/w", "RUNFILES_DIR=/r", "PWD=/r", "PATH=/b"}, "/w")
	if diff := cmp.Diff([]string{"HOME=/h", "PATH=/b", "PWD=/w"}, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestBytesBelow(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 10, "b": 5} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got, err := bytesBelow(dir); err != nil || got != 15 {
		t.Errorf("got %d, %v, want 15", got, err)
	}
}

// An image that lacks the layer, or has other bytes under its digest, is no image.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	layer, image := filepath.Join(dir, "layer"), filepath.Join(dir, "image")
	if err := writeService(layer, 1, 1000); err != nil {
		t.Fatal(err)
	}
	digest, err := hashFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(image, "blobs", "sha256", digest)
	if err := os.MkdirAll(filepath.Dir(blob), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := check(image, layer); err == nil {
		t.Error("no blob: no error")
	}
	if err := os.WriteFile(blob, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check(image, layer); err == nil {
		t.Error("a short blob: no error")
	}
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(layer, blob); err != nil {
		t.Fatal(err)
	}
	if err := check(image, layer); err != nil {
		t.Error(err)
	}
}

// Rounds do not find each other's bytes in a cache.
func TestWriteService(t *testing.T) {
	digest := func(seed uint64) string {
		path := filepath.Join(t.TempDir(), "f")
		if err := writeService(path, seed, 1000); err != nil {
			t.Fatal(err)
		}
		sum, err := hashFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if one := digest(1); one == digest(2) || one != digest(1) {
		t.Error("the bytes do not follow the seed")
	}
}
