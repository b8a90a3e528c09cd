package compression

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// method is one way to compress a layer.
type method struct {
	name   string
	suffix string // of the layer's media type
	writer func(w io.Writer) (io.WriteCloser, error)
}

// methods are the competitors; the first is what the services' images have. One thread each: a build has other work for the
// rest, and the bytes must not depend on the machine.
func methods() []method {
	return []method{
		{"none", "", func(w io.Writer) (io.WriteCloser, error) { return plain{w}, nil }},
		{"gzip 6", "+gzip", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, 6) }},
		{"zstd 1", "+zstd", func(w io.Writer) (io.WriteCloser, error) { return zstdWriter(w, 1) }},
		{"zstd 3", "+zstd", func(w io.Writer) (io.WriteCloser, error) { return zstdWriter(w, 3) }},
	}
}

func zstdWriter(w io.Writer, level int) (io.WriteCloser, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1))
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// variant is the image with its layers by one method, in an image layout of its own.
type variant struct {
	descriptor plan.Descriptor
	layout     string
	size       int64         // bytes of the layers
	took       time.Duration // reading, compressing, hashing (an archive that is compressed has two digests) and writing all layers
}

// compress makes the variant of an uncompressed image in a folder.
func (m method) compress(ctx context.Context, original plan.Descriptor, from source.Blobs, dir string) (variant, error) {
	v := variant{descriptor: original, layout: dir}
	v.descriptor.Layers = nil
	folder := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return v, err
	}
	start := time.Now()
	for _, layer := range original.Layers {
		packed, err := m.layer(ctx, layer, from, folder)
		if err != nil {
			return v, fmt.Errorf("compressing a layer of %s by %s: %w", original.Label, m.name, err)
		}
		v.descriptor.Layers = append(v.descriptor.Layers, packed)
		v.size += packed.Size
	}
	v.took = time.Since(start)
	return v, synthetic.Describe(&v.descriptor, nil)
}

func (m method) layer(ctx context.Context, layer plan.Blob, from source.Blobs, folder string) (plan.Blob, error) {
	content, err := from.Open(ctx, layer)
	if err != nil {
		return plan.Blob{}, err
	}
	defer content.Close()
	f, err := os.CreateTemp(folder, "layer-")
	if err != nil {
		return plan.Blob{}, err
	}
	hash, file := sha256.New(), bufio.NewWriterSize(f, 1<<20)
	count := new(counter)
	w, err := m.writer(io.MultiWriter(hash, file, count))
	if err == nil {
		_, err = io.Copy(m.twice(w), content)
		err = errors.Join(err, w.Close())
	}
	if err := errors.Join(err, file.Flush(), f.Close()); err != nil {
		return plan.Blob{}, err
	}
	digest := fmt.Sprintf("%x", hash.Sum(nil))
	packed := plan.Blob{MediaType: layer.MediaType + m.suffix, Digest: "sha256:" + digest, Size: int64(*count)}
	return packed, os.Rename(f.Name(), filepath.Join(folder, digest))
}

// twice hashes what is compressed, too: an image names a layer by both digests. Without compression they are one.
func (m method) twice(w io.Writer) io.Writer {
	if m.suffix == "" {
		return w
	}
	return io.MultiWriter(sha256.New(), w)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
