package synthetic

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// Reference is the name that an archive gives the image: a tag, as an image of `docker save` has one.
func Reference(d plan.Descriptor) string { return "docker.io/bench/" + d.Name + ":1" }

// WriteLayout writes the images' layers into an image layout folder, each once. Manifests and configurations are the
// descriptors'.
func WriteLayout(ctx context.Context, dir string, images ...Image) error {
	folder := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("writing image layout: %w", err)
	}
	for _, image := range images {
		for _, blob := range image.Descriptor.Layers {
			path := filepath.Join(folder, strings.TrimPrefix(blob.Digest, "sha256:"))
			if _, err := os.Stat(path); err == nil {
				continue
			}
			if err := writeBlob(ctx, path, blob, Blobs(image)); err != nil {
				return fmt.Errorf("writing image layout: %w", err)
			}
		}
	}
	return nil
}

func writeBlob(ctx context.Context, path string, blob plan.Blob, from source.Blobs) error {
	content, err := from.Open(ctx, blob)
	if err != nil {
		return err
	}
	defer content.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

// WriteArchive writes one archive with all layers of all images, for tools that take such a file
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md). It returns the archive's size in bytes.
func WriteArchive(ctx context.Context, path string, layers source.Blobs, images ...plan.Descriptor) (int64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, fmt.Errorf("writing archive: %w", err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	err = writeArchive(ctx, tar.NewWriter(buffered), layers, images)
	if err := errors.Join(err, buffered.Flush(), f.Close()); err != nil {
		return 0, fmt.Errorf("writing archive %q: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func writeArchive(ctx context.Context, archive *tar.Writer, layers source.Blobs, images []plan.Descriptor) error {
	index, err := indexOf(images)
	if err != nil {
		return err
	}
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": index}
	for _, d := range images {
		files[blobPath(d.Manifest.Digest)] = d.Manifest.Data
		files[blobPath(d.Config.Digest)] = d.Config.Data
	}
	for name, data := range files {
		if err := entry(archive, name, int64(len(data)), bytes.NewReader(data)); err != nil {
			return err
		}
	}
	written := map[string]bool{}
	for _, d := range images {
		for _, layer := range d.Layers {
			if written[layer.Digest] {
				continue
			}
			written[layer.Digest] = true
			if err := layerEntry(ctx, archive, layers, layer); err != nil {
				return err
			}
		}
	}
	return archive.Close()
}

func layerEntry(ctx context.Context, archive *tar.Writer, layers source.Blobs, layer plan.Blob) error {
	content, err := layers.Open(ctx, layer)
	if err != nil {
		return err
	}
	defer content.Close()
	return entry(archive, blobPath(layer.Digest), layer.Size, content)
}

func entry(archive *tar.Writer, name string, size int64, content io.Reader) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}

func blobPath(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

func indexOf(images []plan.Descriptor) ([]byte, error) {
	var manifests []map[string]any
	for _, d := range images {
		manifests = append(manifests, map[string]any{
			"mediaType": d.Manifest.MediaType, "digest": d.Manifest.Digest, "size": d.Manifest.Size,
			"annotations": map[string]string{"io.containerd.image.name": Reference(d)},
		})
	}
	return json.Marshal(map[string]any{"schemaVersion": 2, "manifests": manifests})
}
