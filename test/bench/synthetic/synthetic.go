// Package synthetic makes images of any size for benchmarks. Their bytes come from a seed: equal seeds give equal digests on
// every machine, and a layer of a gigabyte needs neither disk nor memory.
//
// Layers are not compressed, so that an image has the size that it is named by; suite compression measures what that changes.
package synthetic

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// LayerType is the media type of an uncompressed layer
// (https://github.com/opencontainers/image-spec/blob/main/media-types.md).
const LayerType = "application/vnd.oci.image.layer.v1.tar"

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	fileBytes    = 32_000_000 // of one file in a layer: a large binary
)

// Layer is a layer by what it is made of.
type Layer struct {
	Seed uint64
	Size int64 // bytes of its files together; the archive is a little larger
}

// Open returns the layer's archive. It need not be read to its end.
func (l Layer) Open() io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w)) }()
	return r
}

func (l Layer) write(w io.Writer) error {
	archive := tar.NewWriter(w)
	bytes := newContent(l.Seed)
	buffer := make([]byte, 1<<20)
	for left, i := l.Size, 0; left > 0; i++ {
		size := min(left, fileBytes)
		header := &tar.Header{Name: fmt.Sprintf("bin/%d-%d", l.Seed, i), Mode: 0o755, Size: size, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{archive}, io.LimitReader(bytes, size), buffer); err != nil {
			return err
		}
		left -= size
	}
	return archive.Close()
}

// Image is an image with the layers that it is made of.
type Image struct {
	Descriptor plan.Descriptor
	layers     []Layer
}

// New makes the image; it generates each layer once to know its digest. name is its repository.
func New(name string, layers ...Layer) (Image, error) {
	d := plan.Descriptor{Version: plan.Version, Label: "//test/bench:" + name, Name: name, OS: "linux", Architecture: runtime.GOARCH}
	for _, l := range layers {
		hash := sha256.New()
		size, err := io.Copy(hash, l.Open())
		if err != nil {
			return Image{}, fmt.Errorf("generating a layer of %q: %w", name, err)
		}
		digest := fmt.Sprintf("sha256:%x", hash.Sum(nil))
		d.Layers = append(d.Layers, plan.Blob{MediaType: LayerType, Digest: digest, Size: size})
		d.DiffIDs = append(d.DiffIDs, digest)
	}
	err := Describe(&d, nil)
	return Image{d, layers}, err
}

// Describe writes configuration and manifest of a descriptor that has its layers and diffIDs. labels may be nil.
func Describe(d *plan.Descriptor, labels map[string]string) error {
	var err error
	if d.Config, err = document(configType, map[string]any{
		"os": d.OS, "architecture": d.Architecture, "config": map[string]any{"Labels": labels},
		"rootfs": map[string]any{"type": "layers", "diff_ids": d.DiffIDs},
	}); err != nil {
		return err
	}
	d.Manifest, err = document(manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": d.Config.Blob, "layers": d.Layers,
	})
	return err
}

func document(mediaType string, value any) (plan.Content, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return plan.Content{}, err
	}
	blob := plan.Blob{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Size: int64(len(data))}
	return plan.Content{Blob: blob, Data: data}, nil
}

// Size is the sum of the layers' sizes, in bytes.
func (i Image) Size() int64 {
	var total int64
	for _, l := range i.Descriptor.Layers {
		total += l.Size
	}
	return total
}

// Blobs generates the images' layers as they are read.
func Blobs(images ...Image) source.Blobs {
	g := generator{}
	for _, image := range images {
		for i, l := range image.layers {
			g[image.Descriptor.Layers[i].Digest] = l
		}
	}
	return g
}

type generator map[string]Layer

// Open implements source.Blobs.
func (g generator) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	layer, ok := g[blob.Digest]
	if !ok {
		return nil, fmt.Errorf("generating blob %s: %w", blob.Digest, fs.ErrNotExist)
	}
	return source.Verify(layer.Open(), blob), nil
}
