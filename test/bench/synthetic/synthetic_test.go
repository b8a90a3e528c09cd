package synthetic

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func TestContentCompressesLikeBinaries(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	const size = 8 << 20
	if _, err := io.CopyN(w, newContent(1), size); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ratio := size / float64(packed.Len()); ratio < 2 || ratio > 3 {
		t.Errorf("compresses by %.2f, want 2 to 3", ratio)
	}
}

func TestContentIsTheSameInAllPieces(t *testing.T) {
	whole, pieces := make([]byte, 1000), make([]byte, 0, 1000)
	newContent(7).Read(whole)
	for c := newContent(7); len(pieces) < 1000; {
		piece := make([]byte, min(33, 1000-len(pieces)))
		c.Read(piece)
		pieces = append(pieces, piece...)
	}
	if !bytes.Equal(whole, pieces) {
		t.Error("bytes depend on how they are read")
	}
	other := make([]byte, 1000)
	if newContent(8).Read(other); bytes.Equal(whole, other) {
		t.Error("another seed gives the same bytes")
	}
}

func TestImageIsValid(t *testing.T) {
	image, err := New("bench", Layer{1, 40_000_000}, Layer{2, 1000})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(image.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.DecodeDescriptor("bench", data); err != nil {
		t.Error(err)
	}
	if size := image.Size(); size < 40_001_000 || size > 40_011_000 {
		t.Errorf("size %d", size)
	}
	for _, layer := range image.Descriptor.Layers { // read to the end, a layer is held against its digest
		r, err := Blobs(image).Open(t.Context(), layer)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); n != layer.Size || err != nil {
			t.Errorf("read %d bytes of %d: %v", n, layer.Size, err)
		}
	}
	if _, err := Blobs().Open(t.Context(), image.Descriptor.Layers[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a blob that is not there", err)
	}
}

func TestFiles(t *testing.T) {
	base := Layer{1, 5000}
	first, err := New("first", base, Layer{2, 6000})
	if err != nil {
		t.Fatal(err)
	}
	second, err := New("second", base, Layer{3, 7000})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteLayout(t.Context(), dir, first, second); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "images.tar")
	size, err := WriteArchive(t.Context(), path, source.Layout(dir), first.Descriptor, second.Descriptor)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries := 0
	for archive := tar.NewReader(f); ; entries++ {
		if _, err := archive.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	// oci-layout, index.json, two manifests, two configurations, three layers of which one is shared.
	if info, _ := f.Stat(); entries != 9 || info.Size() != size {
		t.Errorf("%d entries in %d bytes, want 9 in %d", entries, info.Size(), size)
	}
}
