package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/matrix.md instead of comparing it")

const (
	noBell = `service "bell" is in no suite` + "\n" +
		`hint: add to test/e2e/BUILD.bazel: service_suite(name = "bell"), or bell to the ` + "`uses` or `images` of a suite that needs it"
)

// tree is the runfiles of one run.
type tree struct {
	t   *testing.T
	dir string
	env map[string]string
}

// newTree has testdata/graph.json, changed by edits, old and new in turn.
func newTree(t *testing.T, edits ...string) *tree {
	t.Helper()
	tr := &tree{t: t, dir: t.TempDir(), env: map[string]string{graphVar: "_main/graph.json"}}
	data, err := os.ReadFile(filepath.Join("testdata", "graph.json"))
	if err != nil {
		t.Fatal(err)
	}
	tr.write("_main/graph.json", strings.NewReplacer(edits...).Replace(string(data)))
	return tr
}

func (tr *tree) write(path, text string) {
	tr.t.Helper()
	file := filepath.Join(tr.dir, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) run() string {
	err := run(func(key string) string { return tr.env[key] }, func(path string) (string, error) { return filepath.Join(tr.dir, path), nil })
	if err == nil {
		return ""
	}
	return strings.ReplaceAll(err.Error(), tr.dir, "DIR")
}

// compared is a run that compares with the committed text.
func (tr *tree) compared(committed string) string {
	tr.write("_main/test/e2e/MATRIX.md", committed)
	tr.env[committedVar] = "_main/test/e2e/MATRIX.md"
	return tr.run()
}

func golden(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "matrix.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWritesTheMatrixAndReportsFaults(t *testing.T) {
	tr := newTree(t)
	workspace := t.TempDir()
	tr.env[workspaceVar] = workspace
	file := filepath.Join(workspace, "test", "e2e", "MATRIX.md")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(noBell, tr.run()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", "matrix.md"), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(golden(t), string(got)); diff != "" {
		t.Errorf("matrix (-want +got):\n%s", diff)
	}
}

func TestNeedsAWorkspaceToWriteInto(t *testing.T) {
	want := "writing test/e2e/MATRIX.md: BUILD_WORKSPACE_DIRECTORY is not set\nhint: tools/bazelw run //test/e2e:matrix"
	if diff := cmp.Diff(want, newTree(t).run()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestCompares(t *testing.T) {
	const bellToo = `{"label": "//services/bell:image", "name": "bell"}, `
	whole := []string{`"images": [{"label": "//services/store:image", "name": "store"}, {"label": "//tools`, `"images": [` + bellToo + `{"label": "//services/store:image", "name": "store"}, {"label": "//tools`}
	same := func(s string) string { return s }
	text := func(t *testing.T) string {
		g, err := decode([]byte(readFile(t, newTree(t, whole...), "_main/graph.json")))
		if err != nil {
			t.Fatal(err)
		}
		return render(g)
	}
	for name, test := range map[string]struct {
		edit func(string) string
		want string
	}{
		"equal": {same, ""},
		"stale": {func(s string) string { return strings.Replace(s, "✓", "", 1) },
			"test/e2e/MATRIX.md:11 is stale: has \"| `door` |  |  | ✓ |  |\", the build graph says \"| `door` |  | ✓ | ✓ |  |\"\nhint: tools/bazelw run //test/e2e:matrix"},
		"empty": {func(string) string { return "" },
			"test/e2e/MATRIX.md:1 is stale: has \"\", the build graph says \"# Which end-to-end suite needs what\"\nhint: tools/bazelw run //test/e2e:matrix"},
		"longer": {func(s string) string { return s + "more" },
			"test/e2e/MATRIX.md:32 is stale: has \"more\", the build graph says \"\"\nhint: tools/bazelw run //test/e2e:matrix"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t, whole...)
			committed := text(t)
			if diff := cmp.Diff(test.want, tr.compared(test.edit(committed))); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func readFile(t *testing.T, tr *tree, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tr.dir, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestServiceWithoutASuiteFailsTheComparison(t *testing.T) {
	if diff := cmp.Diff(noBell, newTree(t).compared(golden(t))); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestRefusesAGraphOfAnotherForm(t *testing.T) {
	for _, text := range []string{"", "[]", `{"surprise": 1}`, `{"suites": [{"name": 1}]}`} {
		if _, err := decode([]byte(text)); err == nil || !strings.HasPrefix(fmt.Sprint(err), "decoding the graph: ") {
			t.Errorf("%s: got error %v, want one about decoding", text, err)
		}
	}
}
