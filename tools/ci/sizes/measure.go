package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/archive"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// report is what measure found.
type report struct {
	Images []image          `json:"images"`
	Layers map[string]layer `json:"layers"` // by diff id
}

// image is one image, by its layers from the lowest on.
type image struct {
	Name   string   `json:"name"`
	Layers []string `json:"layers"`
}

// layer holds sizes in bytes.
type layer struct {
	Unpacked   int64 `json:"unpacked"`
	Compressed int64 `json:"compressed"`
}

// measure reads the images of arguments such as path/to/image.descriptor.json=path/to/layout. A layer is read once.
func measure(args []string) (report, error) {
	found := report{Layers: map[string]layer{}}
	for _, arg := range args {
		file, dir, _ := strings.Cut(arg, "=")
		data, err := os.ReadFile(file)
		if err != nil {
			return report{}, fmt.Errorf("reading descriptor: %w", err)
		}
		descriptor, err := plan.DecodeDescriptor(file, data)
		if err != nil {
			return report{}, err
		}
		if err := found.add(descriptor, source.Layout(dir)); err != nil {
			return report{}, fmt.Errorf("measuring %s: %w", descriptor.Label, err)
		}
	}
	slices.SortFunc(found.Images, func(a, b image) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (r *report) add(descriptor plan.Descriptor, blobs source.Layout) error {
	for i, blob := range descriptor.Layers {
		id := descriptor.DiffIDs[i]
		if _, known := r.Layers[id]; known {
			continue
		}
		weighed, err := weigh(blobs, blob)
		if err != nil {
			return fmt.Errorf("layer %s: %w", blob.Digest, err)
		}
		r.Layers[id] = weighed
	}
	r.Images = append(r.Images, image{Name: descriptor.Name, Layers: descriptor.DiffIDs})
	return nil
}

func weigh(blobs source.Layout, blob plan.Blob) (layer, error) {
	content, err := blobs.Open(context.Background(), blob)
	if err != nil {
		return layer{}, err
	}
	defer content.Close()
	unpacked, compressed, err := archive.Unpack(blob.MediaType, content)
	if err != nil {
		return layer{}, err
	}
	defer unpacked.Close()
	if compressed {
		size, err := io.Copy(io.Discard, unpacked)
		return layer{Unpacked: size, Compressed: blob.Size}, err
	}
	return pack(unpacked)
}

// pack weighs a layer that is not compressed.
func pack(unpacked io.Reader) (layer, error) {
	var compressed counter
	packer := gzip.NewWriter(&compressed)
	size, err := io.Copy(packer, unpacked)
	if err != nil {
		return layer{}, err
	}
	// Only now: what the packer holds back counts as well.
	if err := packer.Close(); err != nil {
		return layer{}, err
	}
	return layer{Unpacked: size, Compressed: int64(compressed)}, nil
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
