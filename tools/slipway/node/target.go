package node

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// target is one node and what it gets.
type target struct {
	node    cluster.Node
	session *session
	before  listing
	images  []Image         // those that it cannot run yet
	layers  map[string]bool // digests of the layers that it gets
	dead    []string        // digests of the layers whose content is of no use once the images are unpacked, sorted
	present int             // layers that it has
	parts   []part          // the imports
	space   int64           // bytes that the unpacked layers take, estimated

	// What happened, written by the delivery alone.
	after             listing // its snapshots
	err               error
	restarted         bool // containerd was, under the delivery
	kept              bool // not all content that was to be dropped before the last part has been
	bytes, layerBytes int64
	layersSent        int
}

func newTarget(s *session, held listing, images []Image, all bool) *target {
	t := &target{node: s.node, session: s, before: held, layers: make(map[string]bool)}
	digests, unpacks := make(map[string]bool), make(map[string]bool)
	for _, image := range images {
		if all || !held.complete(image) {
			t.images = append(t.images, image)
		}
		for i, chain := range chainIDs(image.Descriptor.DiffIDs) {
			layer := image.Descriptor.Layers[i]
			digests[layer.Digest] = true
			if !held.snapshots[chain] && !unpacks[chain] {
				unpacks[chain] = true
				t.space += unpackedSize(layer)
			}
			// Either is enough for the import: a snapshot is not unpacked again, content is.
			if all || !held.snapshots[chain] && !held.content[layer.Digest] {
				t.layers[layer.Digest] = true
			}
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(digests)) {
		if !all && (t.layers[digest] || held.content[digest]) {
			t.dead = append(t.dead, digest)
		}
	}
	t.present = len(digests) - len(t.layers)
	return t
}

// size is the number of bytes of the blobs that the node gets.
func (t *target) size() int64 {
	var total int64
	seen := make(map[string]bool)
	for _, blob := range blobs(t.images) {
		if t.wants(blob.Blob) && !seen[blob.Digest] {
			seen[blob.Digest] = true
			total += blob.Size
		}
	}
	return total
}

// peak is the number of bytes that the delivery takes of the node's disk, estimated: the content of one part at a time.
func (t *target) peak() int64 {
	var largest int64
	for _, p := range t.parts {
		largest = max(largest, p.size)
	}
	return t.space + largest
}

// wants is true for the layers that the node lacks and for the manifest and configuration of its images.
func (t *target) wants(blob plan.Blob) bool {
	if t.layers[blob.Digest] {
		return true
	}
	for _, image := range t.images {
		if blob.Digest == image.Descriptor.Manifest.Digest || blob.Digest == image.Descriptor.Config.Digest {
			return true
		}
	}
	return false
}

// records are the names under which containerd may know the target's images after an attempt, without those that were
// whole before. The kubelet's runtime adds one by the configuration's digest.
func (t *target) records() []string {
	var names []string
	for _, image := range t.images {
		if t.before.complete(image) {
			continue
		}
		names = append(names, image.Reference())
		if id := image.Descriptor.Config.Digest; !t.before.records[id] {
			names = append(names, id)
		}
	}
	return names
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
