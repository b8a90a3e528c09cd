package enter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrder(t *testing.T) {
	got := Order([]string{"/root/.cache/k", "/dev", "", "/root", "/dev/", "/sys"})
	want := []string{"/dev", "/sys", "/root", "/root/.cache/k"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Order (-want +got):\n%s", d)
	}
}

func TestLook(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"program": 0o755, "data": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=/nonexistent:" + dir}
	if got, err := look("program", env); err != nil || got != filepath.Join(dir, "program") {
		t.Errorf("look(program) = %q, %v", got, err)
	}
	if got, err := look("/bin/any", nil); err != nil || got != "/bin/any" {
		t.Errorf("look of a path = %q, %v, want it unchanged", got, err)
	}
	if _, err := look("data", env); err == nil || !strings.Contains(err.Error(), `"data"`) {
		t.Errorf("look of a file that is no program: got %v, want an error that names it", err)
	}
}
