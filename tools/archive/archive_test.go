package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/archive"
)

func TestBytesDoNotDependOnTheOrder(t *testing.T) {
	entries := []archive.Entry{
		{Path: "b/run", Mode: 0o755, Open: archive.Bytes([]byte("program"))},
		{Path: "b/files/a", Mode: 0o644, Open: archive.Bytes(nil)},
		{Path: "b/files", Mode: 0o700},
	}
	var written [2]bytes.Buffer
	for i := range written {
		var tree archive.Builder
		for j := range entries {
			if err := tree.Add(entries[(i+j)%len(entries)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.Write(&written[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(written[0].Bytes(), written[1].Bytes()) {
		t.Error("two orders make two archives")
	}
	var got []string
	for r := tar.NewReader(&written[0]); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s: got time %s, want 1970", h.Name, h.ModTime)
		}
	}
	if diff := cmp.Diff([]string{"drwxr-xr-x b/", "drwx------ b/files/", "-rw-r--r-- b/files/a", "-rwxr-xr-x b/run"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAddRefuses(t *testing.T) {
	var tree archive.Builder
	for _, path := range []string{"a", "a", "/b", "../b", ".", "b/", "b/../c", ""} {
		err := tree.Add(archive.Entry{Path: path})
		if (err == nil) != (path == "a") && (err == nil || !strings.Contains(err.Error(), "twice")) {
			t.Errorf("path %q: got error %v", path, err)
		}
	}
}

func TestFileRefusesAFolder(t *testing.T) {
	var tree archive.Builder
	if err := tree.Add(archive.Entry{Path: "a", Open: archive.File(t.TempDir())}); err != nil {
		t.Fatal(err)
	}
	if err := tree.Write(io.Discard); err == nil || !strings.Contains(err.Error(), `adding "/a": `) {
		t.Errorf("got error %v, want one that names the entry", err)
	}
}
