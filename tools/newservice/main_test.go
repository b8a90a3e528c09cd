package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const list = `load("//tools/ci:defs.bzl", "suite_matrix")
load("//tools/e2e:defs.bzl", "service_suite")

service_suite(name = "gateway")

suite_matrix(name = "matrix")
`

// workspace has the list of suites and one service.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"services/gateway", "test/e2e/gateway"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "test/e2e/BUILD.bazel"), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tree returns all files below a folder.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		short, _ := filepath.Rel(dir, path)
		files[short] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func call(dir string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	getenv := func(key string) string { return map[string]string{"BUILD_WORKSPACE_DIRECTORY": dir}[key] }
	code = run(args, getenv, &out, &errs)
	return code, out.String(), errs.String()
}

func TestWritesWhatTheDryRunPrints(t *testing.T) {
	dir := workspace(t)
	code, printed, _ := call(dir, "--name=foo", "--dry-run")
	if diff := cmp.Diff(map[string]string{"test/e2e/BUILD.bazel": list}, tree(t, dir)); diff != "" || code != 0 {
		t.Errorf("exit status %d, files after the dry run (-want +got):\n%s", code, diff)
	}
	code, stdout, stderr := call(dir, "--name=foo")
	if code != 0 || !strings.Contains(stderr, "next: tools/bazelw run //test/e2e:foo\n") {
		t.Fatalf("exit status %d, stderr:\n%s", code, stderr)
	}
	written := tree(t, dir)
	var again strings.Builder
	for path := range strings.Lines(stdout) {
		path = strings.TrimSpace(path)
		again.WriteString("-- " + path + " --\n" + written[path])
		delete(written, path)
	}
	if diff := cmp.Diff(printed, again.String()); diff != "" {
		t.Errorf("files (-printed +written):\n%s", diff)
	}
	if len(written) > 0 {
		t.Errorf("written but not listed: %v", written)
	}
}

func TestAddsOneLineToTheList(t *testing.T) {
	dir := workspace(t)
	if code, _, stderr := call(dir, "--name=foo"); code != 0 {
		t.Fatal(stderr)
	}
	want := strings.Replace(list, "suite_matrix(", "service_suite(name = \"foo\")\n\nsuite_matrix(", 1)
	if diff := cmp.Diff(want, tree(t, dir)["test/e2e/BUILD.bazel"]); diff != "" {
		t.Errorf("list of suites (-want +got):\n%s", diff)
	}
}

func TestRefusesAndWritesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no name":   {nil, 2, `name must be 1 to 40 lower-case letters, digits and dashes, first a letter, last no dash; got ""`},
		"upper":     {[]string{"--name=Foo"}, 2, `got "Foo"`},
		"reserved":  {[]string{"--name=internal"}, 2, `name "internal" is taken: the folder services/internal is shared code`},
		"path":      {[]string{"--name=../foo"}, 2, `got "../foo"`},
		"flag":      {[]string{"--nam=foo"}, 2, "flag provided but not defined: -nam"},
		"argument":  {[]string{"foo"}, 2, `unexpected argument "foo"`},
		"unknown":   {[]string{"--workspace=", "--name=foo"}, 2, "BUILD_WORKSPACE_DIRECTORY is not set"},
		"service":   {[]string{"--name=gateway"}, 1, `creating service "gateway": services/gateway exists`},
		"elsewhere": {[]string{"--name=foo", "--workspace=/nowhere"}, 1, "reading the list of suites: open /nowhere/test/e2e/BUILD.bazel"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := workspace(t)
			code, stdout, stderr := call(dir, test.args...)
			first, hint, _ := strings.Cut(stderr, "\n")
			if code != test.code || stdout != "" || !strings.HasPrefix(first, "newservice: error: ") || !strings.Contains(first, test.want) {
				t.Errorf("exit status %d and stderr\n%s, want %d and %q", code, stderr, test.code, test.want)
			}
			if !strings.HasPrefix(hint, "newservice: hint: ") {
				t.Errorf("hint: got %q", hint)
			}
			if diff := cmp.Diff(map[string]string{"test/e2e/BUILD.bazel": list}, tree(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	code, stdout, _ := call("", "--help")
	if code != 0 || !strings.Contains(stdout, "--name=NAME") || !strings.Contains(stdout, "-dry-run") {
		t.Errorf("exit status %d, help:\n%s", code, stdout)
	}
}
