package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// newIndex puts an index of the layout's image beside it. platform is what its entry says.
func newIndex(t *testing.T, platform plan.Platform) (l layout, image plan.Blob) {
	t.Helper()
	l, image, _, _ = newLayout(t)
	index := l.blob(indexType, l.json(map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{
		map[string]any{"mediaType": image.MediaType, "digest": image.Digest, "size": image.Size, "platform": platform},
	}}))
	l.index(index)
	return l, image
}

func runOnIndex(l layout, tested string) ([]byte, error) {
	output := filepath.Join(l.t.TempDir(), "index.descriptor.json")
	err := run([]string{"--layout=" + l.dir, "--label=//services/gateway:index", "--name=gateway", "--tested=" + tested, "--output=" + output}, io.Discard)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}

// tested writes the descriptor of the layout's image, as tests use it, into a file.
func tested(t *testing.T, edit func(layout)) string {
	t.Helper()
	l, _, _, _ := newLayout(t)
	if edit != nil {
		edit(l)
	}
	data, err := runOn(l)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.descriptor.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIndexDescriptor(t *testing.T) {
	l, image := newIndex(t, plan.Platform{OS: "linux", Architecture: "amd64"})
	data, err := runOnIndex(l, tested(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.DecodeIndex("index.descriptor.json", data)
	if err != nil || len(got.Images) != 1 || got.Images[0].Manifest.Digest != image.Digest || len(got.Images[0].Layers) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestIndexDescriptorRefuses(t *testing.T) {
	good := plan.Platform{OS: "linux", Architecture: "amd64"}
	other := func(l layout) {
		config := l.blob("application/vnd.oci.image.config.v1+json", l.json(map[string]any{"os": "linux", "architecture": "amd64"}))
		l.index(l.blob(manifestType, l.json(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []plan.Blob{}})))
	}
	for _, tc := range []struct {
		name     string
		platform plan.Platform
		tested   string
		want     string
	}{
		{"an image for another platform", plan.Platform{OS: "linux", Architecture: "arm64"}, tested(t, nil), "platform is linux/arm64, the image's configuration says linux/amd64"},
		{"another image than the tested one", good, tested(t, other), "which tests run as //services/gateway:image"},
		{"no tested image", good, filepath.Join(t.TempDir(), "none"), "reading the tested image's descriptor"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, _ := newIndex(t, tc.platform)
			if _, err := runOnIndex(l, tc.tested); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
