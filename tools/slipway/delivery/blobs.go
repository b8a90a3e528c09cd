package delivery

import (
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// blobs are the layers: from layouts on this machine, else from a cache, else from what else there is, else, those of a base,
// from where it was pulled.
func (j *Job) blobs(others ...source.Named) *source.Chain {
	label := map[string]string{}
	for _, i := range j.Images {
		for _, b := range i.Descriptor.Blobs() {
			if _, ok := label[b.Digest]; !ok {
				label[b.Digest] = i.Label
			}
		}
	}
	return &source.Chain{
		Sources: slices.Concat(j.layouts(), j.Caches.sources, others, j.upstreams()),
		Report: func(name string, err error) {
			j.Progress.Line("slipway: warning: %s: %v", name, command.OneLine(err.Error()))
		},
		Label: func(b plan.Blob) (string, bool) { l, ok := label[b.Digest]; return l, ok },
	}
}

// layouts are the images' own, where the plan names them, else where Bazel has built them. An index's images have one.
func (j *Job) layouts() []source.Named {
	var sources []source.Named
	seen := map[string]bool{} // labels
	for _, i := range j.Images {
		if seen[i.Label] {
			continue
		}
		seen[i.Label] = true
		if i.layout != "" {
			sources = append(sources, source.Named{Name: "image layout of " + i.Label, Blobs: source.Layout(i.layout)})
		} else if built := j.Caches.layout(i.Label); built != "" {
			sources = append(sources, source.Named{Name: "bazel-bin's image layout of " + i.Label, Blobs: source.Layout(built)})
		}
	}
	return sources
}
