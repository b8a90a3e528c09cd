package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWatchMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meminfo")
	write := func(available string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("MemTotal:       1000 kB\nMemFree:         1 kB\nMemAvailable:   "+available+" kB\nHugePages_Total:       0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("600")
	got := watchMemory(file)()
	if got == nil || got.BeforeBytes != 400<<10 || got.PeakBytes != 400<<10 || got.TotalBytes != 1000<<10 {
		t.Errorf("got %+v, want 400 KiB of 1000 KiB", got)
	}
	if got := watchMemory(file + ".absent")(); got != nil {
		t.Errorf("absent file: got %+v, want nothing", got)
	}
	write("x")
	if got := watchMemory(file)(); got != nil {
		t.Errorf("no number: got %+v, want nothing", got)
	}
}
