package release

import (
	"context"
	"io"
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// parts are all that is there before a version is written: images, indexes, what refers to them, signatures. memory has the
// layers of those that are made here.
func (r *Release) parts(ctx context.Context, todo todo) (parts []registry.Image, memory source.Memory, err error) {
	made := &made{memory: source.Memory{}}
	for _, s := range todo.missing {
		parts = append(parts, r.copies(s)...)
		if err := r.attach(made, s); err != nil {
			return nil, nil, err
		}
	}
	if r.Signer != nil {
		if err := r.sign(ctx, made, slices.Concat(todo.missing, todo.unsigned)); err != nil {
			return nil, nil, err
		}
	}
	return append(parts, made.images...), made.memory, nil
}

// copies are the index and its images. Those in CI's registry are there to mount from, when that is the target's.
func (r *Release) copies(s Service) []registry.Image {
	var parts []registry.Image
	for _, d := range s.Index.Images {
		if r.oneRegistry() {
			parts = append(parts, registry.Image{Descriptor: d, Repository: r.from(s), Part: d.Platform(), Mounted: true})
		}
		parts = append(parts, registry.Image{Descriptor: d, Repository: r.to(s), Part: d.Platform()})
	}
	return append(parts, registry.Image{Descriptor: s.Index.Descriptor(), Repository: r.to(s)})
}

// tested reads from CI's repositories.
func (r *Release) tested() *source.Registry {
	repositories := map[string][]string{}
	for _, s := range r.Services {
		for _, d := range s.Index.Images {
			for _, b := range d.Blobs() {
				repositories[b.Digest] = append(repositories[b.Digest], r.from(s))
			}
		}
	}
	if r.counter.Inner == nil {
		r.counter.Inner = r.Tested.Transport
		if r.Tested.Transport == nil {
			r.counter.Inner = registry.NewTransport()
		}
		r.Tested.Transport = &r.counter
	}
	r.Tested.Repositories = func(b plan.Blob) []string { return repositories[b.Digest] }
	return r.Tested
}

// blobs are what is copied and what is made here.
type blobs struct {
	memory source.Memory
	tested source.Blobs
}

// Open implements source.Blobs.
func (b *blobs) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	if _, here := b.memory[blob.Digest]; here {
		return b.memory.Open(ctx, blob)
	}
	return b.tested.Open(ctx, blob)
}

// made collects manifests that are made here.
type made struct {
	images []registry.Image
	memory source.Memory
}
