package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// inputs writes a set of two suites, in a folder of its own, and returns the arguments that pack it.
func inputs(t *testing.T, layout string) []string {
	t.Helper()
	dir := t.TempDir()
	suite := func(name string) plan.Plan {
		return plan.Plan{
			Version: 1, Label: "//e2e:" + name, Name: name, Namespace: "n", Images: []plan.Image{{Name: "i", Label: "//i", Descriptor: "_main/i.json", Layout: layout}},
			Manifests: []plan.Manifest{{Path: "_main/m.yaml", Short: "m.yaml"}},
			Cluster:   plan.Cluster{NodeImage: "_main/n.json", Config: "_main/k.yaml"}, Test: plan.Test{Binary: "_main/" + name + ".test.zst", Timeout: "1m"},
		}
	}
	set := plan.Set{Version: 1, Label: "//e2e:all", Name: "all", Suites: []string{"_main/a.json", "_main/b.json"}}
	var lines []string
	for name, content := range map[string]any{
		"all.json": set, "a.json": suite("a"), "b.json": suite("b"), "i.json": "i", "m.yaml": "m", "n.json": "n", "k.yaml": "k", "a.test.zst": "A", "b.test.zst": "B",
	} {
		data, err := json.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "_main/"+name+"="+filepath.Join(dir, name))
	}
	list := filepath.Join(dir, "list")
	if err := os.WriteFile(list, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{
		"--output=" + filepath.Join(dir, "out"), "--label=//e2e:all.bundle", "--plan=_main/all.json", "--slipway=" + filepath.Join(dir, "a.test.zst"), "--files=" + list,
	}
}

// pack returns the archive's bytes and its files, by mode and name.
func pack(t *testing.T, args []string) (data []byte, files map[string]string) {
	t.Helper()
	if err := run(args, io.Discard); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(strings.TrimPrefix(args[0], "--output="))
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return data, files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			files[h.FileInfo().Mode().String()+" "+h.Name] = string(content)
		}
	}
}

// The build's folders, the order of the files and the layouts are not in it.
func TestBundle(t *testing.T) {
	first, files := pack(t, inputs(t, "_main/i"))
	second, _ := pack(t, inputs(t, ""))
	if !bytes.Equal(first, second) {
		t.Error("equal suites make two archives")
	}
	want := []string{
		"-rw-r--r-- all.bundle/bundle.json",
		"-rw-r--r-- all.bundle/files/_main/a.json", "-rw-r--r-- all.bundle/files/_main/a.test.zst",
		"-rw-r--r-- all.bundle/files/_main/all.json",
		"-rw-r--r-- all.bundle/files/_main/b.json", "-rw-r--r-- all.bundle/files/_main/b.test.zst",
		"-rw-r--r-- all.bundle/files/_main/i.json", "-rw-r--r-- all.bundle/files/_main/k.yaml", "-rw-r--r-- all.bundle/files/_main/m.yaml",
		"-rw-r--r-- all.bundle/files/_main/n.json", "-rwxr-xr-x all.bundle/run",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(files))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if got := files[want[0]]; got != `{"version":1,"label":"//e2e:all.bundle","plan":"_main/all.json"}`+"\n" {
		t.Errorf("bundle.json: got %s", got)
	}
	if strings.Contains(files["-rw-r--r-- all.bundle/files/_main/a.json"], "layout") {
		t.Errorf("plan: got %s, want one without layouts", files["-rw-r--r-- all.bundle/files/_main/a.json"])
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	args := inputs(t, "")
	list := strings.TrimPrefix(args[4], "--files=")
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "_main/m.yaml") && !strings.HasPrefix(line, "_main/b.test.zst") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(list, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	err = run(args, io.Discard)
	for _, want := range []string{`//e2e:a needs "_main/m.yaml"`, `//e2e:b needs "_main/m.yaml"`, `//e2e:b needs "_main/b.test.zst"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
	if err := run(args[1:], io.Discard); err == nil {
		t.Error("without --output: got no error")
	}
}
