package layer_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layer"
)

var plain = bytes.Repeat([]byte("0123456789abcdef"), 20000)

func TestDescribe(t *testing.T) {
	tests := []struct {
		name, compression string
		file, tar         []byte
	}{
		{"plain", "", plain, plain},
		{"empty", "", nil, nil},
		{"shorter than a magic number", "", []byte{0x28}, []byte{0x28}},
		{"gzip", "gzip", zip(t, plain), plain},
		{"two gzip members", "gzip", append(zip(t, plain), zip(t, plain)...), append(bytes.Clone(plain), plain...)},
		{"zstd", "zstd", zst(t, plain), plain},
		{"two zstd frames", "zstd", append(zst(t, plain), zst(t, []byte("more"))...), append(bytes.Clone(plain), "more"...)},
		{"zstd after a skippable frame", "zstd", append([]byte{0x51, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}, zst(t, plain)...), plain},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := layer.Describe(write(t, test.file), "//in:x.tar")
			if err != nil {
				t.Fatal(err)
			}
			want := layer.Descriptor{
				Digest:      digest(test.file),
				DiffID:      digest(test.tar),
				Compression: test.compression,
				Size:        int64(len(test.file)),
				Label:       "//in:x.tar",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDescribeNamesTheCorruptFile(t *testing.T) {
	gz, zs := zip(t, plain), zst(t, plain)
	tests := []struct {
		name, want string
		file       []byte
	}{
		{"gzip cut short", "decompressing gzip: unexpected EOF", gz[:len(gz)-9]},
		{"gzip with a wrong checksum", "decompressing gzip: gzip: invalid checksum", append(gz[:len(gz)-8:len(gz)-8], make([]byte, 8)...)},
		{"gzip magic alone", "decompressing gzip", []byte{0x1f, 0x8b}},
		{"gzip with padding", "decompressing gzip", append(bytes.Clone(gz), make([]byte, 512)...)},
		{"zstd with padding", "decompressing zstd", append(bytes.Clone(zs), 0, 0, 0)},
		{"zstd cut short", "decompressing zstd", zs[:len(zs)-5]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file)
			_, err := layer.Describe(path, "//in:x.tar")
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Describe() = %v, want an error with %q and %q", err, test.want, path)
			}
		})
	}
}

func TestDescriptorFile(t *testing.T) {
	want := layer.Descriptor{Digest: "sha256:a", DiffID: "sha256:b", Compression: "zstd", Size: 3, Label: "//ü:\"x\""}
	path := filepath.Join(t.TempDir(), "descriptor.json")
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := layer.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "layer of one.tar")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func zip(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zst(t *testing.T, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}
