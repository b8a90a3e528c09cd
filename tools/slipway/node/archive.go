package node

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// nameAnnotation is where containerd's importer looks for an image's full name
// (https://github.com/containerd/containerd/blob/main/core/images/annotations.go).
const nameAnnotation = "io.containerd.image.name"

// archive writes one OCI layout as a tar (https://github.com/opencontainers/image-spec/blob/main/image-layout.md), in which
// each entry goes to the nodes that want it. index.json comes last: an archive that is cut off names no image.
type archive struct {
	fan    *fan
	buffer *bufio.Writer
	tar    *tar.Writer
}

func newArchive(f *fan) *archive {
	buffer := bufio.NewWriterSize(f, chunkBytes)
	return &archive{fan: f, buffer: buffer, tar: tar.NewWriter(buffer)}
}

// to chooses the receivers of the next entry.
func (a *archive) to(sinks []*sink) error {
	if err := a.flush(); err != nil {
		return err
	}
	a.fan.active = sinks
	return nil
}

// flush pads the current entry and empties the buffer, so that what follows may go to other nodes.
func (a *archive) flush() error {
	if err := a.tar.Flush(); err != nil {
		return err
	}
	return a.buffer.Flush()
}

// layoutFile says that the archive is an OCI layout.
const layoutFile = `{"imageLayoutVersion":"1.0.0"}`

func fileHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}
}

func (a *archive) entry(name string, size int64, content io.Reader) error {
	if err := a.tar.WriteHeader(fileHeader(name, size)); err != nil {
		return err
	}
	_, err := io.Copy(a.tar, content)
	return err
}

// end writes the archive's trailer.
func (a *archive) end(sinks []*sink) error {
	if err := a.to(sinks); err != nil {
		return err
	}
	if err := a.tar.Close(); err != nil {
		return err
	}
	return a.buffer.Flush()
}

// named is a blob, with its bytes when a descriptor holds them.
type named struct {
	plan.Blob
	label string // of the image, for errors
	layer bool
	data  []byte
}

// blobs lists what the images consist of, in the order of the archive. Shared blobs are listed again.
func blobs(images []Image) []named {
	var all []named
	for _, image := range images {
		d := &image.Descriptor
		all = append(all,
			named{Blob: d.Manifest.Blob, label: d.Label, data: d.Manifest.Data},
			named{Blob: d.Config.Blob, label: d.Label, data: d.Config.Data})
		for _, layer := range d.Layers {
			all = append(all, named{Blob: layer, label: d.Label, layer: true})
		}
	}
	return all
}

// open returns the blob's bytes, which fail at their end when they are not the blob's.
func (n *named) open(ctx context.Context, layers source.Blobs) (io.ReadCloser, error) {
	if !n.layer {
		return io.NopCloser(bytes.NewReader(n.data)), nil
	}
	return layers.Open(ctx, n.Blob)
}

func blobPath(digest string) string {
	return "blobs/" + strings.Replace(digest, ":", "/", 1)
}

type indexEntry struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
}

// index is the index.json that names the images. Entries carry no platform: containerd then takes it from the
// configuration, whatever its variant.
func index(images []Image) ([]byte, error) {
	entries := make([]indexEntry, len(images))
	for i, image := range images {
		m := image.Descriptor.Manifest
		entries[i] = indexEntry{m.MediaType, m.Digest, m.Size, map[string]string{nameAnnotation: image.Reference()}}
	}
	data, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries})
	if err != nil {
		return nil, fmt.Errorf("writing index.json: %w", err)
	}
	return data, nil
}
