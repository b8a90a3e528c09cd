package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// layout is an OCI layout in a temporary folder.
type layout struct {
	t   *testing.T
	dir string
}

func (l layout) write(name string, data []byte) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func (l layout) json(value any) []byte {
	l.t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		l.t.Fatal(err)
	}
	return data
}

func (l layout) blob(mediaType string, data []byte) plan.Blob {
	l.t.Helper()
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	l.write("blobs/sha256/"+sum, data)
	return plan.Blob{MediaType: mediaType, Digest: "sha256:" + sum, Size: int64(len(data))}
}

func (l layout) path(blob plan.Blob) string {
	return filepath.Join(l.dir, "blobs/sha256", strings.TrimPrefix(blob.Digest, "sha256:"))
}

// newLayout writes an image of two layers and returns its blobs.
func newLayout(t *testing.T) (l layout, manifest, config plan.Blob, layers []plan.Blob) {
	t.Helper()
	l = layout{t, t.TempDir()}
	layers = []plan.Blob{l.blob(layerType, []byte("base")), l.blob(layerType, []byte("binary"))}
	config = l.blob("application/vnd.oci.image.config.v1+json", l.json(map[string]any{
		"os": "linux", "architecture": "amd64",
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layers[0].Digest, layers[1].Digest}},
	}))
	manifest = l.blob(manifestType, l.json(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers}))
	l.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	l.index(manifest)
	return l, manifest, config, layers
}

func (l layout) index(manifests ...plan.Blob) {
	l.write("index.json", l.json(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": manifests}))
}

func runOn(l layout, more ...string) ([]byte, error) {
	output := filepath.Join(l.t.TempDir(), "image.descriptor.json")
	err := run(append([]string{"--layout=" + l.dir, "--label=//services/gateway:image", "--name=gateway", "--output=" + output}, more...), io.Discard)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}

func TestDescriptor(t *testing.T) {
	l, manifest, config, layers := newLayout(t)
	data, err := runOn(l)
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.DecodeDescriptor("image.descriptor.json", data)
	if err != nil {
		t.Fatal(err)
	}
	read := func(b plan.Blob) []byte {
		data, err := os.ReadFile(l.path(b))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	want := plan.Descriptor{
		Version: plan.Version, Label: "//services/gateway:image", Name: "gateway",
		Manifest: plan.Content{Blob: manifest, Data: read(manifest)}, Config: plan.Content{Blob: config, Data: read(config)},
		Layers: layers, DiffIDs: []string{layers[0].Digest, layers[1].Digest}, OS: "linux", Architecture: "amd64",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("descriptor (-want +got):\n%s", diff)
	}
}

// A locally built layout links to its blobs, a cached one holds them; the descriptor is the same.
func TestDescriptorOfLinks(t *testing.T) {
	l, manifest, config, layers := newLayout(t)
	files, err := runOn(l)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	for i, blob := range append(layers, manifest, config) {
		target := filepath.Join(elsewhere, fmt.Sprint(i))
		if err := os.Rename(l.path(blob), target); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, l.path(blob)); err != nil {
			t.Fatal(err)
		}
	}
	links, err := runOn(l)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(files), string(links)); diff != "" {
		t.Errorf("descriptor of links (-files +links):\n%s", diff)
	}
}

func TestDescriptorErrors(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, l layout, manifest, config plan.Blob, layers []plan.Blob)
		want  string
	}{
		{"no layout", func(t *testing.T, l layout, _, _ plan.Blob, _ []plan.Blob) {
			remove(t, filepath.Join(l.dir, "oci-layout"))
		}, "is it an OCI layout directory?"},
		{"other version", func(_ *testing.T, l layout, _, _ plan.Blob, _ []plan.Blob) {
			l.write("oci-layout", []byte(`{"imageLayoutVersion":"2"}`))
		}, `version must be 1.0.0, got "2"`},
		{"broken index", func(_ *testing.T, l layout, _, _ plan.Blob, _ []plan.Blob) { l.write("index.json", []byte("{")) }, "reading index.json: "},
		{"no manifest", func(_ *testing.T, l layout, _, _ plan.Blob, _ []plan.Blob) { l.index() }, "index.json must have one manifest, got 0"},
		{"two manifests", func(_ *testing.T, l layout, m, _ plan.Blob, _ []plan.Blob) { l.index(m, m) }, "index.json must have one manifest, got 2"},
		{"nested index", func(_ *testing.T, l layout, m, _ plan.Blob, _ []plan.Blob) { m.MediaType = indexType; l.index(m) }, "index.json must have the manifest of one platform"},
		{"digest is a path", func(_ *testing.T, l layout, m, _ plan.Blob, _ []plan.Blob) { m.Digest = "sha256:../../x"; l.index(m) }, "manifest: "},
		{"manifest is missing", func(t *testing.T, l layout, m, _ plan.Blob, _ []plan.Blob) { remove(t, l.path(m)) }, "reading manifest: blob sha256:"},
		{"config is missing", func(t *testing.T, l layout, _, c plan.Blob, _ []plan.Blob) { remove(t, l.path(c)) }, "reading configuration: blob sha256:"},
		{"layer is missing", func(t *testing.T, l layout, _, _ plan.Blob, layers []plan.Blob) { remove(t, l.path(layers[1])) }, "reading layer 1: blob sha256:"},
		{"layer is cut", func(t *testing.T, l layout, _, _ plan.Blob, layers []plan.Blob) { truncate(t, l.path(layers[0])) }, "must have 4 bytes, got 1"},
		{"manifest is changed", func(_ *testing.T, l layout, m, _ plan.Blob, _ []plan.Blob) {
			l.write("blobs/sha256/"+strings.TrimPrefix(m.Digest, "sha256:"), []byte(strings.Repeat(" ", int(m.Size))))
		}, "manifest must have digest sha256:"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, manifest, config, layers := newLayout(t)
			tc.spoil(t, l, manifest, config, layers)
			_, err := runOn(l)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "describing //services/gateway:image: ") {
				t.Errorf("error: got %v, want it to contain %q", err, tc.want)
			}
		})
	}
}

// base writes an image of the given layers, of which it has the manifest alone, as an action sees it that does not read them.
func base(t *testing.T, layers ...plan.Blob) string {
	t.Helper()
	l := layout{t, t.TempDir()}
	l.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	l.index(l.blob(manifestType, l.json(map[string]any{"schemaVersion": 2, "layers": layers})))
	return l.dir
}

func TestUpstreams(t *testing.T) {
	const one, two = "gcr.io/distroless/static", "mirror.example:5000/static"
	l, _, _, layers := newLayout(t)
	for _, tc := range []struct {
		name string
		args []string
		want map[string][]string
		err  string
	}{
		{name: "none"},
		{name: "a base alone", args: []string{"--base=" + base(t, layers[0])}},
		{name: "of all layers", args: []string{"--upstream=" + one}, want: map[string][]string{layers[0].Digest: {one}, layers[1].Digest: {one}}},
		{name: "of the base's", args: []string{"--base=" + base(t, layers[0]), "--upstream=" + two, "--upstream=" + one}, want: map[string][]string{layers[0].Digest: {two, one}}},
		{name: "another base", args: []string{"--base=" + base(t, layers[1]), "--upstream=" + one}, err: "base: its layers are not the image's lowest ones; name the image that is below this one"},
		{name: "a base above", args: []string{"--base=" + base(t, append(layers, layers[0])...), "--upstream=" + one}, err: "base: its layers are not the image's lowest ones"},
		{name: "no layout", args: []string{"--base=" + t.TempDir(), "--upstream=" + one}, err: "base: reading oci-layout: "},
		{name: "upper case", args: []string{"--upstream=gcr.io/Distroless"}, err: `a repository must be lower case, got "gcr.io/Distroless"`},
		{name: "scheme", args: []string{"--upstream=https://gcr.io/x"}, err: `a repository must not have a scheme, got "https://gcr.io/x"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, err := runOn(l, tc.args...)
			if tc.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), "describing //services/gateway:image: ") || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := plan.DecodeDescriptor("image.descriptor.json", data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.Upstreams); diff != "" {
				t.Errorf("upstreams (-want +got):\n%s", diff)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 1); err != nil {
		t.Fatal(err)
	}
}
