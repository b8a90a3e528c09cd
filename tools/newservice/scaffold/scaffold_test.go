package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/buildtools/build"
	"github.com/google/go-cmp/cmp"
)

func service(t *testing.T, name string) Service {
	t.Helper()
	s, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNames(t *testing.T) {
	got := service(t, "order-book")
	want := Service{Name: "order-book", Env: "ORDER_BOOK", Package: "orderbook", Test: "OrderBook", Module: module}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
	for _, name := range []string{"a", "a--b", "a1", "foo-test", "linux", "app", "deploy", "main", strings.Repeat("a", maxName)} {
		if _, err := New(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-", "a-", "-a", "1a", "A", "a_b", "a.b", "a/b", "..", "a b", "ä", "a\n", "$(x)", strings.Repeat("a", maxName+1),
		"api", "internal", "image", "push", "all", "matrix", "testdata", "vendor"} {
		if s, err := New(name); err == nil {
			t.Errorf("%q: got %+v, want an error", name, s)
		}
	}
}

// names sort before, between and after the platform's own packages and labels.
var names = []string{"a", "example", "foo", "internals", "order-book", "zz-9"}

func TestFilesAreFormatted(t *testing.T) {
	for _, name := range names {
		files, err := service(t, name).Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if diff := cmp.Diff(rewritten(t, file), string(file.Data)); diff != "" {
				t.Errorf("%s (-formatted +is):\n%s", file.Path, diff)
			}
		}
	}
}

func rewritten(t *testing.T, file File) string {
	t.Helper()
	switch filepath.Ext(file.Path) {
	case ".go":
		data, err := format.Source(file.Data)
		if err != nil {
			t.Fatalf("%s: %v", file.Path, err)
		}
		return string(data)
	case ".bazel":
		parsed, err := build.ParseBuild(file.Path, file.Data)
		if err != nil {
			t.Fatal(err)
		}
		return string(build.Format(parsed))
	}
	return string(file.Data)
}

func TestFilesAreTheServicesOwn(t *testing.T) {
	for _, name := range names {
		files, err := service(t, name).Files()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, file := range files {
			folder := strings.HasPrefix(file.Path, "services/"+name+"/") || strings.HasPrefix(file.Path, "test/e2e/"+name+"/")
			if !folder || seen[file.Path] {
				t.Errorf("%s: got file %s, want different ones in the service's folders", name, file.Path)
			}
			seen[file.Path] = true
			if bytes.Contains(file.Data, []byte("{{")) || bytes.Contains(file.Data, []byte("mock")) {
				t.Errorf("%s has what is left of a template:\n%s", file.Path, file.Data)
			}
		}
	}
}

func TestEveryTemplateIsAFile(t *testing.T) {
	listed := map[string]bool{}
	for _, output := range outputs {
		listed["templates/"+output[0]+".tmpl"] = true
	}
	err := fs.WalkDir(templates, "templates", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !listed[path] {
			t.Errorf("%s becomes no file", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestServiceKeepsTheProjectsMeasure(t *testing.T) {
	files, err := service(t, "foo").Files()
	if err != nil {
		t.Fatal(err)
	}
	subtests := 0
	for _, file := range files {
		lines := bytes.Count(file.Data, []byte("\n"))
		if lines > 330 || (file.Path == "services/foo/main.go" && lines > 40) {
			t.Errorf("%s has %d lines", file.Path, lines)
		}
		if file.Path == "test/e2e/foo/foo_test.go" {
			subtests = countRuns(t, file.Data)
		}
	}
	if subtests < 10 {
		t.Errorf("the suite has %d subtests, want at least 10", subtests)
	}
}

// countRuns counts the calls t.Run.
func countRuns(t *testing.T, source []byte) int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "Run" {
			runs++
		}
		return true
	})
	return runs
}

func TestAddSuite(t *testing.T) {
	const (
		loads = "load(\"//tools/e2e:defs.bzl\", \"e2e_suite\", \"service_suite\")\n\n"
		door  = "e2e_suite(name = \"door\")\n"
		line  = "service_suite(name = \"foo\")\n"
	)
	for name, test := range map[string]struct{ list, want, err string }{
		"last":              {loads + door, loads + door + "\n" + line, ""},
		"above the matrix":  {loads + door + "\n# The end.\nsuite_matrix(name = \"m\")\n", loads + door + "\n" + line + "\n# The end.\nsuite_matrix(name = \"m\")\n", ""},
		"above both":        {loads + door + "\ne2e_suites(name = \"all\")\n\nsuite_matrix(name = \"m\")\n", loads + door + "\n" + line + "\ne2e_suites(name = \"all\")\n\nsuite_matrix(name = \"m\")\n", ""},
		"first of its kind": {"load(\"//tools/e2e:defs.bzl\", \"e2e_suite\")\n\n" + door, loads + door + "\n" + line, ""},
		"there":             {loads + line, "", `test/e2e/BUILD.bazel has a target "foo"`},
		"no load":           {door, "", "test/e2e/BUILD.bazel does not load //tools/e2e:defs.bzl"},
		"no BUILD file":     {"e2e_suite(", "", "test/e2e/BUILD.bazel:2:1: syntax error"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := service(t, "foo").addSuite([]byte(test.list))
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			if text := fmt.Sprint(err); err != nil && (test.err == "" || !strings.HasPrefix(text, test.err)) || err == nil && test.err != "" {
				t.Errorf("error: got %v, want %q", err, test.err)
			}
		})
	}
}

func TestMoveIsAllOrNothing(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, path := range []string{filepath.Join(from, "a", "file"), filepath.Join(from, "b", "c", "file")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("new"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The second has nowhere to go: there is no folder b.
	if err := move(from, to, []string{"a", "b/c"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want that a folder does not exist", err)
	}
	if left, err := os.ReadDir(to); err != nil || len(left) != 0 {
		t.Errorf("got %v and error %v, want nothing moved", left, err)
	}
	if err := move(from, to, []string{"a"}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(to, "a", "file")); err != nil {
		t.Error(err)
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	workspace := t.TempDir()
	if err := service(t, "foo").Write(workspace, []File{{Path: "services/foo/main.go", Data: []byte("package main\n")}}); err == nil {
		t.Error("got no error without the folders to move into")
	}
	if left, err := os.ReadDir(workspace); err != nil || len(left) != 0 {
		t.Errorf("got %v and error %v, want an empty workspace", left, err)
	}
}
