package delivery

import (
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// uploaded is the registry that earlier jobs may have pushed the images to, as a source for nodes; there is none without
// IMAGE_REGISTRY. A push has no use for it: what the registry has need not be sent.
func (j *Job) uploaded() []source.Named {
	root := strings.TrimRight(j.Getenv("IMAGE_REGISTRY"), "/")
	if root == "" {
		return nil
	}
	repositories := map[string][]string{}
	for _, i := range j.Images {
		for _, b := range i.Descriptor.Blobs() {
			repositories[b.Digest] = append(repositories[b.Digest], root+"/"+i.Name)
		}
	}
	return []source.Named{{Name: "the registry " + root, Blobs: repositorySource(root, repositories)}}
}

// upstreams are the repositories that the images' bases come from. Each is a source of its own, so that one that cannot be used
// is told of by its name, once, and stands in no other's way.
func (j *Job) upstreams() []source.Named {
	var order []string
	layers := map[string]map[string][]string{} // repository, digest
	for _, i := range j.Images {
		for _, l := range i.Descriptor.Layers {
			for _, repository := range i.Descriptor.Upstreams[l.Digest] {
				if layers[repository] == nil {
					order = append(order, repository)
					layers[repository] = map[string][]string{}
				}
				layers[repository][l.Digest] = []string{repository}
			}
		}
	}
	var sources []source.Named
	for _, repository := range order {
		sources = append(sources, source.Named{Name: "the upstream " + repository, Blobs: repositorySource(repository, layers[repository])})
	}
	return sources
}

// repositorySource reads blobs of one registry, each from the repositories that its digest names.
func repositorySource(registry string, repositories map[string][]string) *source.Registry {
	return &source.Registry{
		Repositories: func(b plan.Blob) []string { return repositories[b.Digest] },
		Keychain:     Keychain(), PlainHTTP: BridgeHosts(registry),
	}
}

// HasSource: whether somebody is known who may have the layers. An upstream has those of a base, and all only of an image that
// was pulled as it is.
func (j *Job) HasSource() bool {
	return len(j.layouts())+len(j.Caches.sources)+len(j.uploaded()) > 0 || !slices.ContainsFunc(j.Images, func(i Image) bool {
		return slices.ContainsFunc(i.Descriptor.Layers, func(l plan.Blob) bool { return len(i.Descriptor.Upstreams[l.Digest]) == 0 })
	})
}
