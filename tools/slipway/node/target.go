package node

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// target is one node and what it gets.
type target struct {
	node    cluster.Node
	client  *client
	before  *held
	disk    disk.Space      // of the node; not asked for when it gets nothing
	images  []Image         // those that it cannot run yet
	layers  map[string]bool // digests of the layers that it gets
	dead    []plan.Blob     // layers whose content is of no use once the images are unpacked
	present int             // layers that it has
	steps   []step          // what is done with them, in order
	space   int64           // bytes that the unpacked layers take, estimated

	// The delivery. ctx ends with it, or before when it fails, by that error.
	ctx   context.Context
	fail  context.CancelCauseFunc
	blobs chan *sink

	// What happened, written by the delivery alone.
	err               error
	restarted         bool // containerd was, under the delivery
	bytes, layerBytes int64
	layersSent        int
}

// step is one thing that is done in a node: a layer is unpacked, or an image recorded that is whole.
type step struct {
	unpacking
	image *Image      // nil: it is a layer
	drop  []plan.Blob // layers whose content no later step needs
}

// unpacking is a layer in its place above others.
type unpacking struct {
	layer                 plan.Blob
	diffID, parent, chain string
}

func newTarget(node cluster.Node, c *client, before *held, images []Image, all bool) *target {
	t := &target{node: node, client: c, before: before, layers: make(map[string]bool)}
	for _, image := range images {
		if all || !before.complete(image) {
			t.images = append(t.images, image)
		}
		for i, chain := range chainIDs(image.Descriptor.DiffIDs) {
			layer := image.Descriptor.Layers[i]
			// Either is enough: a snapshot is not unpacked again, content is.
			if all || !before.snapshots[chain] && !before.content[layer.Digest] {
				t.layers[layer.Digest] = true
			}
		}
	}
	every := layers(images)
	for _, layer := range every {
		if !all && (t.layers[layer.Digest] || before.content[layer.Digest]) {
			t.dead = append(t.dead, layer.Blob)
		}
	}
	t.present = len(every) - len(t.layers)
	t.arrange()
	return t
}

// arrange puts the steps in the order in which the layers come. The content of a layer goes after the last step that needs it.
func (t *target) arrange() {
	done, last := make(map[string]bool), make(map[string]int)
	for _, image := range t.images {
		chains := chainIDs(image.Descriptor.DiffIDs)
		for i, chain := range chains {
			if t.before.snapshots[chain] || done[chain] {
				continue
			}
			done[chain] = true
			s := step{unpacking: unpacking{layer: image.Descriptor.Layers[i], diffID: image.Descriptor.DiffIDs[i], chain: chain}}
			if i > 0 {
				s.parent = chains[i-1]
			}
			last[s.layer.Digest] = len(t.steps)
			t.space += unpackedSize(s.layer)
			t.steps = append(t.steps, s)
		}
		t.steps = append(t.steps, step{image: &image})
	}
	if len(t.steps) == 0 {
		return
	}
	for _, layer := range t.dead {
		s := &t.steps[last[layer.Digest]]
		s.drop = append(s.drop, layer)
	}
}

// protected are the chain ids of the layers that the node has and its images stand on: a garbage collection must not take them.
func (t *target) protected() []string {
	chains := make(map[string]bool)
	for _, image := range t.images {
		held := slices.DeleteFunc(chainIDs(image.Descriptor.DiffIDs), func(chain string) bool { return !t.before.snapshots[chain] })
		if len(held) > 0 {
			chains[held[len(held)-1]] = true
		}
	}
	return slices.Sorted(maps.Keys(chains))
}

// incoming are the layers that the node gets, in the order of the images.
func (t *target) incoming() []named {
	return slices.DeleteFunc(layers(t.images), func(n named) bool { return !t.layers[n.Digest] })
}

// size is the number of bytes of the layers that the node gets.
func (t *target) size() (total int64) {
	for _, layer := range t.incoming() {
		total += layer.Size
	}
	return total
}

// peak is the number of bytes that the delivery takes of the node's disk, estimated: the content of a layer lies there while it is
// unpacked and the next one comes.
func (t *target) peak() int64 {
	var most, previous int64
	for _, layer := range t.incoming() {
		most, previous = max(most, previous+layer.Size), layer.Size
	}
	return t.space + most
}

// named is a layer and whose it is.
type named struct {
	plan.Blob
	label string // of the first image that has it, for errors
}

// layers lists the images' layers in order, each once.
func layers(images []Image) (all []named) {
	seen := make(map[string]bool)
	for _, image := range images {
		for _, layer := range image.Descriptor.Layers {
			if !seen[layer.Digest] {
				seen[layer.Digest] = true
				all = append(all, named{layer, image.Descriptor.Label})
			}
		}
	}
	return all
}

// chainIDs are the names of an image's snapshots
// (https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid).
func chainIDs(diffIDs []string) []string {
	chains := make([]string, len(diffIDs))
	for i, id := range diffIDs {
		chains[i] = id
		if i > 0 {
			chains[i] = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(chains[i-1]+" "+id)))
		}
	}
	return chains
}

// unpackedSize estimates a layer's size on disk: compressed Go binaries unpack to about three times their size.
func unpackedSize(layer plan.Blob) int64 {
	if strings.HasSuffix(layer.MediaType, "gzip") || strings.HasSuffix(layer.MediaType, "zstd") {
		return 3 * layer.Size
	}
	return layer.Size
}
