package checkout_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/checkout"
)

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestCopy(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "deep", "copy")
	for path, text := range map[string]string{".gitignore": "/out\n", "a/tracked": "old", "deleted": "x"} {
		write(t, filepath.Join(from, path), text, 0o644)
	}
	git(t, from, "init", "-q")
	git(t, from, "add", "-A")
	for path, text := range map[string]string{"a/tracked": "new", "a/ä new": "x", "out/ignored": "x"} {
		write(t, filepath.Join(from, path), text, 0o644)
	}
	write(t, filepath.Join(from, "script"), "x", 0o755)
	if err := os.Remove(filepath.Join(from, "deleted")); err != nil {
		t.Fatal(err)
	}
	if err := checkout.Copy(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{".gitignore": "-rw-r--r-- /out\n", "a/tracked": "-rw-r--r-- new", "a/ä new": "-rw-r--r-- x", "script": "-rwxr-xr-x x"}
	if diff := cmp.Diff(want, files(t, to)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if err := checkout.Copy(t.Context(), to, t.TempDir()); err == nil {
		t.Error("got no error for a folder that is no checkout")
	}
}

// files returns mode and content of all files.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		short, _ := filepath.Rel(dir, path)
		all[short] = info.Mode().String() + " " + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "output")
	inner := filepath.Join(dir, "external", "repository")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(inner, "file"), nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(inner, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := checkout.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	if err := checkout.Remove(dir); err != nil {
		t.Errorf("removing it again: %v", err)
	}
}
