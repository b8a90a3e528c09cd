package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// content is a layer of one repeated letter.
func content(char string, size int) []byte { return bytes.Repeat([]byte(char), size) }

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// put writes a blob into the layout.
func put(t *testing.T, dir, mediaType string, data []byte) plan.Blob {
	t.Helper()
	file := filepath.Join(dir, "blobs", strings.Replace(digest(data), ":", "/", 1))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, data, 0o644)); err != nil {
		t.Fatal(err)
	}
	return plan.Blob{MediaType: mediaType, Digest: digest(data), Size: int64(len(data))}
}

// write makes a layout with its descriptor and returns measure's argument for it.
func write(t *testing.T, name string, layers ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	var blobs []plan.Blob
	var ids []string
	for _, layer := range layers {
		blobs, ids = append(blobs, put(t, dir, "application/vnd.oci.image.layer.v1.tar", layer)), append(ids, digest(layer))
	}
	config := encode(t, map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	configBlob := put(t, dir, "application/vnd.oci.image.config.v1+json", config)
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest := encode(t, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": configBlob, "layers": blobs})
	file := filepath.Join(dir, "descriptor.json")
	data := encode(t, plan.Descriptor{
		Version: plan.Version, Label: "//services/" + name + ":image", Name: name, OS: "linux", Architecture: "amd64", Layers: blobs, DiffIDs: ids,
		Manifest: plan.Content{Blob: put(t, dir, manifestType, manifest), Data: manifest}, Config: plan.Content{Blob: configBlob, Data: config},
	})
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return file + "=" + dir
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReport(t *testing.T) {
	base := content("a", 2_000_000)
	found, err := measure([]string{write(t, "gateway", base, content("b", 1_000_000)), write(t, "datastorage", base, content("c", 3_000_000))})
	if err != nil {
		t.Fatal(err)
	}
	if total := found.total(); total.Unpacked != 6_000_000 || total.Compressed >= 100_000 || total.Compressed == 0 {
		t.Errorf("total: got %+v, want 6,000,000 bytes unpacked and few compressed", total)
	}
	var out bytes.Buffer
	if err := found.print(&out, limits{unpacked: 7_000_000, compressed: 1_000_000}); err != nil {
		t.Fatal(err)
	}
	want := `        image  unpacked     own  compressed     own
  datastorage    5.0 MB  3.0 MB      0.0 MB  0.0 MB
      gateway    3.0 MB  1.0 MB      0.0 MB  0.0 MB
        all 2    6.0 MB              0.0 MB        
      at most    7.0 MB              1.0 MB        
3 layers, 1 of them in several images: 2.0 MB unpacked, stored once
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestCompressedLayersCountAsTheyAre(t *testing.T) {
	plain := content("a", 1_000_000)
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for suffix, data := range map[string][]byte{"gzip": gz.Bytes(), "zstd": zst.Bytes()} {
		dir := t.TempDir()
		blob := put(t, dir, "application/vnd.oci.image.layer.v1.tar+"+suffix, data)
		got, err := weigh(source.Layout(dir), blob)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(layer{Unpacked: 1_000_000, Compressed: int64(len(data))}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", suffix, diff)
		}
	}
	if _, err := weigh(source.Layout(t.TempDir()), plan.Blob{}); err == nil {
		t.Error("a layer that is not there has a weight")
	}
}

func TestCheck(t *testing.T) {
	base := content("a", 2_000_000)
	for _, test := range []struct {
		name  string
		lower []byte
		most  limits
		want  string
	}{
		{"within the limits", base, limits{4_000_000, 1_000_000}, "<nil>"},
		{"unpacked", base, limits{3_999_999, 1_000_000}, "the images have 4.0 MB unpacked, at most 4.0 MB are allowed"},
		{"compressed", base, limits{4_000_000, 1}, "the images have 0.0 MB compressed, at most 0.0 MB are allowed"},
		{"another base", content("z", 1), limits{9_000_000, 1_000_000}, "the base layer of b is not that of a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := measure([]string{write(t, "a", base, content("b", 1_000_000)), write(t, "b", test.lower, content("c", 1_000_000))})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(found.check(test.most)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestMeasureNamesTheImage(t *testing.T) {
	file, dir, _ := strings.Cut(write(t, "gateway", content("a", 10)), "=")
	if err := os.RemoveAll(filepath.Join(dir, "blobs")); err != nil {
		t.Fatal(err)
	}
	if _, err := measure([]string{file + "=" + dir}); err == nil || !strings.HasPrefix(err.Error(), "measuring //services/gateway:image: layer sha256:") {
		t.Errorf("got %v, want an error that names image and layer", err)
	}
}
