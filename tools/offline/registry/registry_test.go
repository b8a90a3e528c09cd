package registry

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHashTreeSeesNamesAndBytes(t *testing.T) {
	text := func(files map[string]string) string {
		var b strings.Builder
		if err := HashTree(&b, tree(t, files)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := "a 2\n1\nd/b 1\n2"
	if got := text(map[string]string{"d/b": "2", "a": "1\n"}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, files := range map[string]map[string]string{
		"other bytes":  {"d/b": "3", "a": "1\n"},
		"other name":   {"d/c": "2", "a": "1\n"},
		"bytes moved":  {"d/b": "", "a": "1\n2"},
		"another file": {"d/b": "2", "a": "1\n", "e": ""},
	} {
		if got := text(files); got == want {
			t.Errorf("%s: got the same text %q", name, got)
		}
	}
	if err := HashTree(io.Discard, filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing folder: got no error")
	}
}

func TestCopyTree(t *testing.T) {
	from := tree(t, map[string]string{"run.sh": "x", "d/defs.bzl": "y", "target": "z"})
	for _, name := range []string{"run.sh", "d/defs.bzl"} {
		if err := os.Chmod(filepath.Join(from, name), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(from, "target"), filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "new", "to")
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"run.sh": "x", "d/defs.bzl": "y", "target": "z", "link": "z"}
	if diff := cmp.Diff(want, contents(t, to)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, want := range map[string]fs.FileMode{"run.sh": 0o700, "d/defs.bzl": 0o600, "link": 0o600} {
		info, err := os.Lstat(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode() & (fs.ModeType | 0o700); got != want {
			t.Errorf("%s: got mode %s, want %s", name, got, want)
		}
	}
}

func TestFeaturesGetOneMoreField(t *testing.T) {
	const rest = "    other = True,\n)\n"
	for name, test := range map[string]struct{ in, want string }{
		"added":         {"_rules = struct(\n" + rest, "_rules = struct(\n    " + field + " = False,\n" + rest},
		"already there": {"_rules = struct(\n    " + field + " = True,\n" + rest, "_rules = struct(\n    " + field + " = True,\n" + rest},
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "bazel_features")
			if err := features(tree(t, map[string]string{"features.bzl": test.in, "BUILD": ""}), to); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"features.bzl": test.want, "BUILD": ""}, contents(t, to)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
	for name, content := range map[string]string{"no struct": "_rules = 1\n", "two": strings.Repeat("_rules = struct(\n)\n", 2)} {
		err := features(tree(t, map[string]string{"features.bzl": content}), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got error %v, want one that names the field", name, err)
		}
	}
}

func TestIndexHasEveryVersionThatIsWanted(t *testing.T) {
	c := Config{
		Root: tree(t, map[string]string{
			"usr/share/bazel/rules/java/MODULE.bazel":     `bazel_dep(name = "a", version = "0.9")`,
			"usr/share/bazel/embedded_tools/MODULE.bazel": `bazel_dep(name = "b", version = "0.1")`,
		}),
		Workspace: tree(t, map[string]string{
			"MODULE.bazel": `bazel_dep(name = "a", version = "1.0")` + "\n" + `bazel_dep(name = "overridden", version = "1")`,
		}),
	}
	src := tree(t, map[string]string{
		"a/MODULE.bazel": `module(name = "a", version = "1.1")` + "\n" + `bazel_dep(name = "b", version = "0.2")`,
		"b/MODULE.bazel": `module(name = "b")`,
	})
	dir := filepath.Join(t.TempDir(), "index")
	if err := c.index(src, dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{stamp: "{\"module_base_path\": \"/\"}\n"}
	for version, text := range map[string]string{
		"a/0.9": `module(name = "a", version = "0.9")` + "\n" + `bazel_dep(name = "b", version = "0.2")`,
		"a/1.0": `module(name = "a", version = "1.0")` + "\n" + `bazel_dep(name = "b", version = "0.2")`,
		"a/1.1": `module(name = "a", version = "1.1")` + "\n" + `bazel_dep(name = "b", version = "0.2")`,
		"b/0.1": `module(name = "b", version = "0.1")`,
		"b/0.2": `module(name = "b", version = "0.2")`,
	} {
		name, _, _ := strings.Cut(version, "/")
		path := strings.TrimPrefix(filepath.Join(src, name), "/")
		want["modules/"+version+"/MODULE.bazel"] = text
		want["modules/"+version+"/source.json"] = `{"path":"` + path + `","type":"local_path"}`
	}
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Errorf("registry (-want +got):\n%s", diff)
	}
}

// A registry that is not whole must not be taken for one that is.
func TestIndexWithoutAModuleFileHasNoStamp(t *testing.T) {
	broken := tree(t, map[string]string{"a/MODULE.bazel": "# module(name = \"a\")\n"})
	c := Config{Root: t.TempDir(), Workspace: tree(t, map[string]string{"MODULE.bazel": `bazel_dep(name = "a", version = "1.0")`})}
	dir := t.TempDir()
	if err := c.index(broken, dir); err == nil || !strings.Contains(err.Error(), "a@1.0") {
		t.Errorf("got error %v, want one that names the module", err)
	}
	if _, err := os.Stat(filepath.Join(dir, stamp)); err == nil {
		t.Error("the stamp is there")
	}
}

func TestEnsureTakesAFinishedRegistry(t *testing.T) {
	c := Config{
		Cache:     t.TempDir(),
		Offline:   tree(t, map[string]string{"modules/m/MODULE.bazel": "", "registry/pins/go.mod": ""}),
		Root:      "debian-1",
		Workspace: tree(t, map[string]string{"MODULE.bazel": ""}),
	}
	key, err := c.key()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(c.Cache, "registry", key)
	want := Registry{Dir: filepath.Join(base, "index"), Features: filepath.Join(base, "src", "bazel_features")}
	write(t, filepath.Join(want.Dir, stamp), "")
	got, err := Ensure(t.Context(), c, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("registry (-want +got):\n%s", diff)
	}
	for name, change := range map[string]func(){
		"root":      func() { c.Root = "debian-2" },
		"workspace": func() { write(t, filepath.Join(c.Workspace, "MODULE.bazel"), "module()") },
		"stand-in":  func() { write(t, filepath.Join(c.Offline, "modules/m/defs.bzl"), "") },
		"pins":      func() { write(t, filepath.Join(c.Offline, "registry/pins/go.sum"), "") },
	} {
		change()
		other, err := c.key()
		if err != nil || other == key {
			t.Errorf("%s: got key %q and error %v, want another than %q", name, other, err, key)
		}
		key = other
	}
}

// tree makes a folder of files by their paths.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// contents maps the paths of dir's files to what they hold.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
