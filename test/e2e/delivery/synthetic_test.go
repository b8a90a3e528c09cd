package delivery_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// synthetic makes images up: each layer is one file of random bytes, which are computed whenever it is read.
type synthetic struct {
	seed uint64 // of the next layer

	mu     sync.Mutex
	layers map[string]random
	opens  int
}

// random is a layer's content.
type random struct {
	seed uint64
	size int64
}

// newSynthetic makes layers that no earlier run has made.
func newSynthetic() *synthetic {
	return &synthetic{seed: uint64(time.Now().UnixNano()), layers: map[string]random{}}
}

func (r random) tar() io.Reader {
	var header bytes.Buffer
	tar.NewWriter(&header).WriteHeader(&tar.Header{Name: fmt.Sprintf("file-%d", r.seed), Mode: 0o644, Size: r.size})
	file := rand.New(rand.NewPCG(r.seed, 0))
	words := make([]byte, 0, 8)
	bytesOf := readerFunc(func(p []byte) (int, error) {
		for i := range p {
			if len(words) == 0 {
				words = fmt.Appendf(words[:0], "%08x", file.Uint32())
			}
			p[i], words = words[0], words[1:]
		}
		return len(p), nil
	})
	padding := (512-r.size%512)%512 + 1024 // tar's blocks, and its end
	return io.MultiReader(&header, io.LimitReader(bytesOf, r.size), bytes.NewReader(make([]byte, padding)))
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// layer makes a layer with a file of so many bytes.
func (s *synthetic) layer(size int64) plan.Blob {
	s.seed++
	content := random{s.seed, size}
	sum := sha256.New()
	n, _ := io.Copy(sum, content.tar())
	blob := plan.Blob{MediaType: "application/vnd.oci.image.layer.v1.tar", Digest: fmt.Sprintf("sha256:%x", sum.Sum(nil)), Size: n}
	s.layers[blob.Digest] = content
	return blob
}

// image makes an image of uncompressed layers.
func (s *synthetic) image(layers ...plan.Blob) node.Image {
	s.seed++
	name := fmt.Sprintf("image-%d", s.seed)
	d := plan.Descriptor{Version: plan.Version, Name: name, Label: "//test:" + name, Layers: layers}
	for _, layer := range layers {
		d.DiffIDs = append(d.DiffIDs, layer.Digest)
	}
	d.Config = content("application/vnd.oci.image.config.v1+json", map[string]any{"architecture": "amd64", "os": "linux",
		"config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": d.DiffIDs}})
	d.Manifest = content("application/vnd.oci.image.manifest.v1+json", map[string]any{"schemaVersion": 2,
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "config": d.Config.Blob, "layers": layers})
	return node.Image{Descriptor: d, Repository: "kind.local/" + name}
}

func content(mediaType string, value any) plan.Content {
	data, _ := json.Marshal(value)
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Size: int64(len(data))}, Data: data}
}

// Open implements source.Blobs.
func (s *synthetic) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	layer, ok := s.layers[blob.Digest]
	if !ok {
		return nil, fs.ErrNotExist
	}
	s.opens++
	return source.Verify(io.NopCloser(layer.tar()), blob), nil
}

// opened returns the number of layers that were opened since the last call.
func (s *synthetic) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.opens = 0 }()
	return s.opens
}

// half opens layers that do something at their middle.
type half struct {
	*synthetic
	middle    func(*reading) error
	interrupt context.CancelFunc
}

// reading is one layer that is read.
type reading struct {
	ctx            context.Context
	interrupt      context.CancelFunc
	corrupt, short bool // from here on
}

// Open implements source.Blobs.
func (h *half) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	layer := h.layers[blob.Digest]
	r := &reading{ctx: ctx, interrupt: h.interrupt}
	all, left, reached := layer.tar(), blob.Size/2, false
	return source.Verify(io.NopCloser(readerFunc(func(p []byte) (int, error) {
		if !reached && left == 0 {
			reached, left = true, blob.Size
			if err := h.middle(r); err != nil {
				return 0, err
			}
		}
		if r.short {
			return 0, io.EOF
		}
		n, err := all.Read(p[:min(int64(len(p)), left)])
		left -= int64(n)
		if r.corrupt && n > 0 {
			p[0]++
		}
		return n, err
	})), blob), nil
}
