package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJoinSortsAndSeparatesDocuments(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b.yaml"), "---\nkind: B\n")
	write(t, filepath.Join(dir, "a.yaml"), "kind: A\n")
	got, err := join(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("---\nkind: A\n---\nkind: B\n", string(got)); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

func TestErrorsNameTheirCause(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.zip")
	archive(t, empty, map[string]string{"src/example.com/api/doc.go": "package api\n"})
	silent := filepath.Join(dir, "silent")
	write(t, silent, "#!/bin/sh\n")
	failing := filepath.Join(dir, "failing")
	write(t, failing, "#!/bin/sh\necho its own words >&2\nexit 3\n")
	all := func(changes ...string) []string {
		return append([]string{
			"--controller-gen", silent, "--goroot", dir, "--goos", "linux", "--goarch", "amd64", "--sources", empty,
			"--package", "example.com/api", "--definitions", filepath.Join(dir, "d"), "--deepcopy", filepath.Join(dir, "c"),
		}, changes...)
	}
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"no flag", nil, []string{"--controller-gen is missing"}},
		{"argument", all("more"), []string{`unexpected arguments ["more"]`}},
		{"no archive", all("--sources", filepath.Join(dir, "none")), []string{"opening archive", "no such file"}},
		{"controller-gen fails", all("--controller-gen", failing), []string{"running controller-gen on example.com/api: exit status 3", "its own words"}},
		{"no kind", all(), []string{"collecting the definitions of example.com/api", "no such file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			err := run(test.args, &stderr)
			if err == nil {
				t.Fatal("no error")
			}
			got := err.Error() + stderr.String()
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func archive(t *testing.T, path string, files map[string]string) {
	t.Helper()
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	for name, content := range files {
		file, err := writer.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, buffer.String())
}
