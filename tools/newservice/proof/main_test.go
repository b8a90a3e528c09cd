package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/newservice/scaffold"
)

// workspace is a git checkout with a list of suites.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range map[string]string{"services/BUILD.bazel": "", scaffold.ListPath: "load(\"//tools/e2e:defs.bzl\", \"service_suite\")\n"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// fake runs newservice and nothing else. It remembers what it was asked for.
type fake struct {
	asked []string
	stray string // a file that newservice writes besides
	fail  string // a command that fails
}

func (f *fake) bazel(_ context.Context, workspace string, args ...string) error {
	command := strings.Join(args, " ")
	f.asked = append(f.asked, command)
	if command == f.fail {
		return errors.New("exit status 1")
	}
	if command != "run //tools/newservice -- --name=foo" {
		return nil
	}
	service, err := scaffold.New("foo")
	if err != nil {
		return err
	}
	change, err := service.Change(workspace)
	if err != nil {
		return err
	}
	if f.stray != "" {
		if err := os.WriteFile(filepath.Join(workspace, f.stray), []byte("# edited\n"), 0o644); err != nil {
			return err
		}
	}
	return service.Write(workspace, change)
}

func TestRun(t *testing.T) {
	all := []string{
		"run //tools/newservice -- --name=foo",
		"build //services/foo/... //test/e2e:foo",
		"test //services/foo/... //:gazelle_test //tools/format/...",
		"run //test/e2e:matrix",
		"test //test/e2e:matrix_test",
		"run //test/e2e:foo",
		"shutdown",
	}
	for name, test := range map[string]struct {
		fake fake
		want []string
		err  string
	}{
		"passes":       {fake{}, all, "<nil>"},
		"edits more":   {fake{stray: "services/BUILD.bazel"}, []string{all[0], "shutdown"}, "newservice changed services/BUILD.bazel"},
		"writes more":  {fake{stray: "services/new"}, []string{all[0], "shutdown"}, "newservice changed services/new"},
		"suite failed": {fake{fail: all[5]}, all, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			here := workspace(t)
			err := run(t.Context(), here, "foo", test.fake.bazel)
			if diff := cmp.Diff(test.err, fmt.Sprint(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, test.fake.asked); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(here, "services", "foo")); err == nil {
				t.Error("the service was written into the checkout, not into the copy")
			}
		})
	}
}

func TestNeedsAWorkspace(t *testing.T) {
	if err := run(t.Context(), "", "foo", nil); err == nil || !strings.Contains(err.Error(), "tools/bazelw run //tools/newservice/proof") {
		t.Errorf("got error %v, want one with the command to type", err)
	}
}
