package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/archive"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

func TestWrite(t *testing.T) {
	dir := layout.Dir(t.TempDir())
	config, layer := put(t, dir, layout.ConfigType, "{}"), put(t, dir, "layer", "bytes")
	manifest := put(t, dir, layout.ManifestType, string(ordered.Marshal(ordered.New(
		"config", config, "layers", []any{layer, layer}, // the same layer twice is one entry
	))))
	top(t, dir, manifest)
	configName, layerName := name(config), name(layer)+".tar.gz"
	want := map[string]string{
		configName: "{}",
		layerName:  "bytes",
		"manifest.json": "[\n  {\n    \"Config\": \"" + configName + "\",\n    \"RepoTags\": [\n      \"a:1\",\n      \"a:2\"\n    ],\n" +
			"    \"Layers\": [\n      \"" + layerName + "\",\n      \"" + layerName + "\"\n    ]\n  }\n]\n",
	}
	if diff := cmp.Diff(want, write(t, dir, archive.Docker, "a:1", "a:2")); diff != "" {
		t.Errorf("docker archive: -want +got:\n%s", diff)
	}

	index := put(t, dir, layout.IndexType, string(ordered.Marshal(ordered.New("manifests", []any{manifest}))))
	top(t, dir, index)
	got := write(t, dir, archive.OCI, "a:1", "a:2")
	for _, blob := range []*ordered.Object{index, manifest, config, layer} {
		if _, found := got[name(blob)]; !found {
			t.Errorf("oci archive: no %s", name(blob))
		}
	}
	for _, tag := range []string{"a:1", "a:2"} {
		if want := `"org.opencontainers.image.ref.name": "` + tag + `"`; !strings.Contains(got["index.json"], want) {
			t.Errorf("oci archive: index.json without %s:\n%s", want, got["index.json"])
		}
	}
	if len(got) != 6 {
		t.Errorf("oci archive: %d entries, want 6", len(got))
	}
}

func TestEachTagKeepsTheIndexsAnnotations(t *testing.T) {
	dir := layout.Dir(t.TempDir())
	index := put(t, dir, layout.IndexType, "{}")
	index.Set("annotations", ordered.New("a", "1", "org.opencontainers.image.ref.name", "old"))
	top(t, dir, index)
	got, err := ordered.ParseObject([]byte(write(t, dir, archive.OCI, "a:1", "a:2")["index.json"]))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{}
	for _, tag := range []string{"a:1", "a:2"} {
		named := ordered.New()
		named.Merge(index)
		named.Set("annotations", ordered.New("a", "1", "org.opencontainers.image.ref.name", tag))
		want = append(want, named)
	}
	if diff := cmp.Diff(string(ordered.Marshal(want)), string(ordered.Marshal(got.List("manifests")))); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

// The name of a SHA-512 blob does not fit into the oldest tar format.
func TestWriteLongNames(t *testing.T) {
	dir := layout.Dir(t.TempDir())
	digest := "sha512:" + strings.Repeat("ab", 64)
	path, err := dir.Path(digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	layer := ordered.New("mediaType", "layer", "digest", digest, "size", int64(5))
	top(t, dir, put(t, dir, layout.ManifestType, string(ordered.Marshal(ordered.New(
		"config", put(t, dir, layout.ConfigType, "{}"), "layers", []any{layer},
	)))))
	if got := write(t, dir, archive.Docker)[name(layer)+".tar.gz"]; got != "bytes" {
		t.Errorf("got layer %q, want its bytes", got)
	}
}

func TestWriteRefusesTheOtherFormat(t *testing.T) {
	tests := []struct{ mediaType, format string }{
		{layout.ManifestType, archive.OCI},
		{layout.IndexType, archive.Docker},
		{layout.ManifestType, "zip"},
	}
	for _, test := range tests {
		dir := layout.Dir(t.TempDir())
		top(t, dir, put(t, dir, test.mediaType, "{}"))
		if err := archive.Write(io.Discard, dir, test.format, nil); err == nil || !strings.Contains(err.Error(), "'format'") {
			t.Errorf("Write(%s, %s) = %v, want an error on 'format'", test.mediaType, test.format, err)
		}
	}
}

func write(t *testing.T, dir layout.Dir, format string, tags ...string) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := archive.Write(&b, dir, format, tags); err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for r := tar.NewReader(&b); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if _, twice := entries[header.Name]; twice || err != nil {
			t.Fatalf("entry %q: twice, or %v", header.Name, err)
		}
		entries[header.Name] = string(data)
	}
}

func put(t *testing.T, dir layout.Dir, mediaType, content string) *ordered.Object {
	t.Helper()
	digest, err := dir.Put([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return ordered.New("mediaType", mediaType, "digest", digest, "size", int64(len(content)))
}

func top(t *testing.T, dir layout.Dir, root *ordered.Object) {
	t.Helper()
	if err := dir.WriteIndex(ordered.Marshal(ordered.New("manifests", []any{root})), []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		t.Fatal(err)
	}
}

func name(descriptor *ordered.Object) string {
	return "blobs/" + strings.Replace(descriptor.String("digest"), ":", "/", 1)
}
