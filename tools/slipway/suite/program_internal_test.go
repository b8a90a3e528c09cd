package suite

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// packedSelf is this test program, compressed.
func packedSelf(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(t.TempDir(), "self.zst")
	if err := os.WriteFile(packed, encoder.EncodeAll(data, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return packed
}

// start runs the program while its file is there, and again after it was removed, which must fail.
func start(t *testing.T, path string, remove func()) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), path, "-test.run=^$").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	remove()
	if err := exec.CommandContext(t.Context(), path, "-test.run=^$").Run(); err == nil {
		t.Errorf("%s can still be started", path)
	}
}

// A program that runs from memory needs no temporary folder.
func TestUnpackIntoMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no other system runs programs from memory")
	}
	packed := packedSelf(t)
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	path, remove, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	start(t, path, remove)
}

func TestUnpackOntoDisk(t *testing.T) {
	packed := packedSelf(t)
	t.Setenv("TMPDIR", t.TempDir())
	path, remove, err := onDisk(packed)
	if err != nil {
		t.Fatal(err)
	}
	start(t, path, remove)
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("%d files left, error %v", len(left), err)
	}
}
