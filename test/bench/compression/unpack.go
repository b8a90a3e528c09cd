package compression

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// unpack writes an image's layers without compression into an image layout, and returns the image with them. Manifest and
// configuration are left as they were.
func unpack(ctx context.Context, built plan.Descriptor, from source.Blobs, dir string) (plan.Descriptor, error) {
	folder := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return plan.Descriptor{}, err
	}
	plain := built
	plain.Layers = nil
	for i, layer := range built.Layers {
		id := built.DiffIDs[i] // the digest of a layer that is not compressed
		size, err := unpackLayer(ctx, layer, from, filepath.Join(folder, strings.TrimPrefix(id, "sha256:")))
		if err != nil {
			return plan.Descriptor{}, fmt.Errorf("unpacking a layer of %s: %w", built.Label, err)
		}
		plain.Layers = append(plain.Layers, plan.Blob{MediaType: synthetic.LayerType, Digest: id, Size: size})
	}
	return plain, nil
}

func unpackLayer(ctx context.Context, layer plan.Blob, from source.Blobs, path string) (int64, error) {
	packed, err := from.Open(ctx, layer)
	if err != nil {
		return 0, err
	}
	defer packed.Close()
	plain, err := decompress(layer.MediaType, packed)
	if err != nil {
		return 0, err
	}
	defer plain.Close()
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(f, plain)
	return size, errors.Join(err, f.Close())
}

// decompress follows the media type's suffix (https://github.com/opencontainers/image-spec/blob/main/media-types.md).
func decompress(mediaType string, packed io.Reader) (io.ReadCloser, error) {
	_, suffix, _ := strings.Cut(mediaType, "+")
	switch suffix {
	case "":
		return io.NopCloser(packed), nil
	case "gzip":
		return gzip.NewReader(packed)
	case "zstd":
		decoder, err := zstd.NewReader(packed)
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("media type %q is neither a tar archive nor one through gzip or zstd", mediaType)
}
