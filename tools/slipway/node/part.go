package node

import (
	"archive/tar"
	"errors"
	"fmt"
	"slices"
)

// partBytes is how many bytes of layers one import takes, unless a single image has more. An import unpacks when all of its
// archive is there, so a part's content lies on the node's disk beside what was unpacked before; a part costs a run of
// containerd's client, 50 ms.
const partBytes = 32 << 20

// part is one import into one node.
type part struct {
	images []Image // none: the node takes no part in it
	wants  map[string]bool
	drop   []string // digests of the layers whose content no later part needs
	index  []byte
	size   int64 // bytes of the archive
	last   bool  // of the node's
}

// arrange cuts the delivery into the same parts for all targets; each takes those that have an image for it. whole makes one
// part of everything.
func arrange(targets []*target, images []Image, whole bool) error {
	var errs []error
	groups := cut(targets, images)
	if whole {
		groups = [][]Image{images}
	}
	for _, t := range targets {
		errs = append(errs, t.divide(groups))
	}
	return errors.Join(errs...)
}

// cut groups the images, in their order, by the bytes of the layers that some target gets.
func cut(targets []*target, images []Image) [][]Image {
	var groups [][]Image
	var size int64
	counted := make(map[string]bool)
	for _, image := range images {
		var more int64
		for _, layer := range image.Descriptor.Layers {
			wanted := slices.ContainsFunc(targets, func(t *target) bool { return t.layers[layer.Digest] })
			if wanted && !counted[layer.Digest] {
				counted[layer.Digest] = true
				more += layer.Size
			}
		}
		if len(groups) == 0 || size+more > partBytes {
			groups, size = append(groups, nil), 0
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], image)
		size += more
	}
	return groups
}

// divide makes the target's parts: each blob comes with the first image that has it, and the content of a layer goes after
// the last.
func (t *target) divide(groups [][]Image) error {
	t.parts = make([]part, len(groups))
	seen, users := make(map[string]bool), make(map[string]int)
	for i, group := range groups {
		p := &t.parts[i]
		p.wants = make(map[string]bool)
		for _, image := range group {
			if slices.ContainsFunc(t.images, func(own Image) bool { return own.Reference() == image.Reference() }) {
				p.images = append(p.images, image)
			}
		}
		for _, blob := range blobs(p.images) {
			users[blob.Digest] = i
			if t.wants(blob.Blob) && !seen[blob.Digest] {
				seen[blob.Digest], p.wants[blob.Digest] = true, true
			}
		}
		if err := p.measure(); err != nil {
			return err
		}
	}
	t.assign(users)
	return nil
}

// assign says after which part the content of each dead layer goes, after the last user's or the first, and which part is
// the last.
func (t *target) assign(users map[string]int) {
	first := slices.IndexFunc(t.parts, func(p part) bool { return len(p.images) > 0 })
	if first < 0 {
		return
	}
	for _, digest := range t.dead {
		i := max(first, users[digest])
		t.parts[i].drop = append(t.parts[i].drop, digest)
	}
	for i := len(t.parts) - 1; ; i-- {
		if len(t.parts[i].images) > 0 {
			t.parts[i].last = true
			return
		}
	}
}

// measure computes index and size of the part's archive.
func (p *part) measure() (err error) {
	if len(p.images) == 0 {
		return nil
	}
	if p.index, err = index(p.images); err != nil {
		return err
	}
	p.size = entryBytes("oci-layout", int64(len(layoutFile))) + entryBytes("index.json", int64(len(p.index))) + trailerBytes
	counted := make(map[string]bool)
	for _, blob := range blobs(p.images) {
		if p.wants[blob.Digest] && !counted[blob.Digest] {
			counted[blob.Digest] = true
			p.size += entryBytes(blobPath(blob.Digest), blob.Size)
		}
	}
	return nil
}

// command is the line that announces the part to the node's session.
func (p *part) command() []byte {
	verb := "part"
	if p.last {
		verb = "import"
	}
	line := fmt.Appendf(nil, "%s %d", verb, p.size)
	for _, digest := range p.drop {
		line = append(line, ' ')
		line = append(line, digest...)
	}
	return append(line, '\n')
}

const (
	tarBlock     = 512
	trailerBytes = 2 * tarBlock
)

// entryBytes is what an entry takes in an archive. A size of 8 GiB or more takes a header of several blocks.
func entryBytes(name string, size int64) int64 {
	var header counter
	if err := tar.NewWriter(&header).WriteHeader(fileHeader(name, size)); err != nil {
		panic(err) // of a name that is too long or a negative size, and both are ours
	}
	return int64(header) + (size+tarBlock-1)/tarBlock*tarBlock
}

// counter counts the bytes that are written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
