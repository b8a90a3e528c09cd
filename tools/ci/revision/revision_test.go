package revision_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/ci/revision"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// checkout has one commit with a file, and a hook that would leave a trace.
func checkout(t *testing.T) revision.Checkout {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	write(t, filepath.Join(dir, "file"), "one")
	git(t, dir, "add", "file")
	git(t, dir, "commit", "-qm", "one")
	if err := os.MkdirAll(filepath.Join(dir, ".git", "hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".git", "hooks", "post-checkout"), "#!/bin/sh\ntouch hooked\n")
	c, err := revision.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWorktree(t *testing.T) {
	c := checkout(t)
	write(t, filepath.Join(c.Dir, "file"), "two")
	dir := filepath.Join(t.TempDir(), "base")
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 { // the second time in the place of one that was left behind
		if err := c.RemoveWorktree(ctx, dir); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AddWorktree(ctx, dir, "HEAD"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.RemoveWorktree(ctx, dir); err != nil {
		t.Fatal(err)
	}
	remove, err := c.AddWorktree(ctx, dir, "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "file")); string(data) != "one" {
		t.Errorf("got %q, %v; want the commit's file", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "hooked")); err == nil {
		t.Error("a hook ran")
	}
	cancel()
	if err := remove(); err != nil {
		t.Errorf("removing after the end: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the work tree is still there: %v", err)
	}
	if _, err := c.AddWorktree(t.Context(), dir, "nowhere"); err == nil {
		t.Error("got no error for a commit that is not there")
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, ".git", "worktrees", "*")); len(left) > 0 {
		t.Errorf("git still knows %v", left)
	}
}

func TestChanges(t *testing.T) {
	c := checkout(t)
	write(t, filepath.Join(c.Dir, ".git", "info", "exclude"), "*.log\n")
	for _, name := range []string{"file", "new", "a.log"} {
		write(t, filepath.Join(c.Dir, name), "two")
	}
	got, err := c.Changes(t.Context())
	if diff := cmp.Diff([]string{" M file", "?? new", "!! a.log"}, got); diff != "" || err != nil {
		t.Errorf("changes (-want +got):\n%s\nerror: %v", diff, err)
	}
}

// A hook's git says by these variables which checkout it means.
func TestEnvironment(t *testing.T) {
	c := checkout(t)
	t.Setenv("GIT_DIR", t.TempDir())
	if _, err := c.Commit(t.Context(), "HEAD"); err != nil {
		t.Error(err)
	}
}

func TestWithoutGit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := revision.Open(t.Context(), t.TempDir())
	if code := fault.Code(err); code != fault.Delivery || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got exit code %d for %v", code, err)
	}
}
