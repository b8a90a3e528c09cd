package delivery_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/node"
)

// state is what containerd holds in a node, section by section.
type state map[string]map[string]bool

// stateScript prints all of it. Snapshots of containers are left out: the kubelet makes and removes them.
const stateScript = `
echo '# images'; ctr -n k8s.io images ls -q
echo '# content'; ctr -n k8s.io content ls -q
echo '# snapshots'; ctr -n k8s.io snapshots --snapshotter overlayfs ls | awk '$NF == "Committed" || /^extract-/ { print $1 }'
echo '# leases'; ctr -n k8s.io leases ls -q
echo '# ingests'; ls ` + contentFolder + `/ingest`

func (c *setup) state(t *testing.T, m *machine) state {
	t.Helper()
	s := state{}
	section := ""
	for line := range strings.Lines(m.shell(t, stateScript)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "# "); ok {
			section = name
			s[section] = map[string]bool{}
		} else if line != "" {
			s[section][line] = true
		}
	}
	return s
}

func (c *setup) states(t *testing.T) []state {
	t.Helper()
	var all []state
	for _, m := range c.nodes {
		all = append(all, c.state(t, m))
	}
	return all
}

// settled returns the node's state once it is the wanted one, or after a while: the kubelet's runtime follows, a moment
// later, with records of its own.
func (c *setup) settled(t *testing.T, m *machine, want state) state {
	t.Helper()
	for range 20 {
		got := c.state(t, m)
		if cmp.Equal(got, want) {
			return got
		}
		time.Sleep(250 * time.Millisecond)
	}
	return c.state(t, m)
}

func (s state) clone() state {
	c := state{}
	for section, names := range s {
		c[section] = maps.Clone(names)
	}
	return c
}

// add is what one whole image adds: its record and the kubelet's runtime's, manifest and configuration, its snapshots.
func (s state) add(image node.Image) {
	d := image.Descriptor
	s["images"][image.Reference()], s["images"][d.Config.Digest] = true, true
	s["content"][d.Manifest.Digest], s["content"][d.Config.Digest] = true, true
	chain := ""
	for _, id := range d.DiffIDs {
		if chain = strings.TrimSpace(chain + " " + id); chain != id {
			chain = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(chain)))
		}
		s["snapshots"][chain] = true
	}
}

// contents are the digests of the images' layers whose content is there.
func (s state) contents(images []node.Image) []string {
	var left []string
	for _, image := range images {
		for _, layer := range image.Descriptor.Layers {
			if s["content"][layer.Digest] {
				left = append(left, layer.Digest)
			}
		}
	}
	return left
}
