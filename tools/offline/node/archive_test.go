package node

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func testImages(t *testing.T) []image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	shared := &layer{entries: []entry{program("usr/bin/tool", path), link("usr/bin/alias", "tool")}}
	own := &layer{entries: []entry{{header: tar.Header{Typeflag: tar.TypeReg, Name: "note", Mode: 0o600}, data: []byte("x")}}}
	zipped := &layer{zipped: true, entries: []entry{program("usr/bin/tool", path)}}
	return []image{
		{Tags: []string{"example.test/a:1", "example.test/a:2"}, Layers: []*layer{shared}, Config: config{Env: []string{"A=1"}}},
		{Tags: []string{"example.test/b:1"}, Layers: []*layer{shared, own}, Config: config{Entrypoint: []string{"/usr/bin/tool"}, StopSignal: "SIGRTMIN+3"}},
		{Tags: []string{"example.test/c:1"}, Layers: []*layer{zipped}},
	}
}

func TestWriteArchiveIsADockerArchive(t *testing.T) {
	images := testImages(t)
	var archive bytes.Buffer
	if err := writeArchive(&archive, images); err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		for _, reference := range img.Tags {
			got := readBack(t, archive.Bytes(), reference)
			var want []string
			for _, l := range img.Layers {
				want = append(want, "sha256:"+l.digest)
			}
			var diffIDs []string
			for _, id := range got.RootFS.DiffIDs {
				diffIDs = append(diffIDs, id.String())
			}
			if diff := cmp.Diff(want, diffIDs); diff != "" {
				t.Errorf("%s: layers (-want +got):\n%s", reference, diff)
			}
			gotConfig := config{got.Config.Env, got.Config.Entrypoint, got.Config.StopSignal}
			if diff := cmp.Diff(img.Config, gotConfig); diff != "" {
				t.Errorf("%s: config (-want +got):\n%s", reference, diff)
			}
		}
	}
}

// readBack opens an image of the archive as another program's reader sees it, and
// checks that its layers have the content that their digests name.
func readBack(t *testing.T, archive []byte, reference string) *v1.ConfigFile {
	t.Helper()
	parsed, err := name.NewTag(reference)
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, &parsed)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		content, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		digest, _, err := v1.SHA256(content)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := l.DiffID(); err != nil || digest != want {
			t.Errorf("%s: layer has content %s, diffID %s (%v)", reference, digest, want, err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWriteArchiveHoldsASharedLayerOnce(t *testing.T) {
	var archive bytes.Buffer
	images := testImages(t)
	if err := writeArchive(&archive, images); err != nil {
		t.Fatal(err)
	}
	names := memberNames(t, &archive)
	if got, want := len(names), len([]string{"shared", "config", "own", "config", "zipped", "config", "manifest"}); got != want {
		t.Errorf("archive has %d members, want %d: %v", got, want, names)
	}
	if !slices.Contains(names, images[0].Layers[0].digest+".tar") {
		t.Errorf("archive lacks the shared layer: %v", names)
	}
	if !slices.Contains(names, images[2].Layers[0].digest+".tar.gz") {
		t.Errorf("archive lacks the compressed layer: %v", names)
	}
}

func TestWriteArchiveReproduces(t *testing.T) {
	var first, second bytes.Buffer
	if err := errors.Join(writeArchive(&first, testImages(t)), writeArchive(&second, testImages(t))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same images from two folders give two archives")
	}
}

func TestWriteArchiveRefusesChangedFiles(t *testing.T) {
	images := testImages(t)
	if err := images[0].Layers[0].measure(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(images[0].Layers[0].entries[0].source, []byte("#!/bin/no\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeArchive(io.Discard, images); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("writeArchive = %v, want a complaint about the changed file", err)
	}
}

func TestTree(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"usr/bin", "dev", "empty"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(root, "usr/bin/su"), []byte("su"), 0o755),
		os.Chmod(filepath.Join(root, "usr/bin/su"), 0o755|os.ModeSetuid),
		os.Link(filepath.Join(root, "usr/bin/su"), filepath.Join(root, "usr/bin/zu")),
		os.Symlink("usr/bin", filepath.Join(root, "bin")),
		os.WriteFile(filepath.Join(root, "dev/node"), nil, 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := tree(root, "dev")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := writeLayer(&out, entries); err != nil {
		t.Fatal(err)
	}
	type member struct {
		Name, Link string
		Type       byte
		Mode       int64
	}
	want := []member{
		{"bin", "usr/bin", tar.TypeSymlink, 0o777},
		{"dev/", "", tar.TypeDir, 0o755},
		{"empty/", "", tar.TypeDir, 0o755},
		{"usr/", "", tar.TypeDir, 0o755},
		{"usr/bin/", "", tar.TypeDir, 0o755},
		{"usr/bin/su", "", tar.TypeReg, 0o4755},
		{"usr/bin/zu", "usr/bin/su", tar.TypeLink, 0o4755},
	}
	var got []member
	for _, h := range members(t, &out) {
		got = append(got, member{h.Name, h.Linkname, h.Typeflag, h.Mode})
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 {
			t.Errorf("%s has a date: %s", h.Name, h.ModTime)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func TestWriteLayerAddsFolders(t *testing.T) {
	var out bytes.Buffer
	if err := writeLayer(&out, []entry{directory("a", 0o1777), link("a/b/c", "x"), link("a/b/d", "x")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a/", "a/b/", "a/b/c", "a/b/d"}, memberNames(t, &out)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func memberNames(t *testing.T, r io.Reader) []string {
	t.Helper()
	var names []string
	for _, h := range members(t, r) {
		names = append(names, h.Name)
	}
	return names
}

func members(t *testing.T, r io.Reader) []*tar.Header {
	t.Helper()
	var headers []*tar.Header
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return headers
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, header)
	}
}
