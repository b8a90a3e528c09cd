package actiongraph

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Test is a test target.
type Test struct {
	Label string // "//test/e2e:gateway_test"
	Class string // of its rule: "go_test"
	// Digest of what the result may depend on, lower-case hexadecimal. It is the same on each machine with the same inputs.
	Digest string
	// Doubt is why the digest does not say everything; empty when it does.
	Doubt string
}

// Files gives the digest of a source file, or of a folder with all that is in it, by its path below the execution root:
// "services/gateway/main.go", "external/<repository>/file". A file that is not there has a digest too.
type Files func(path string) ([sha256.Size]byte, error)

// Tests returns the tests by label. The graph is not safe for concurrent use meanwhile.
func (g *Graph) Tests(files Files) ([]Test, error) {
	d := digester{g, files, map[*action]node{}, map[int]node{}, map[int]node{}}
	runners := map[string][]*action{}
	for _, a := range g.actions {
		if a.Mnemonic == "TestRunner" {
			label := g.labels[a.Target].Label
			runners[label] = append(runners[label], a)
		}
	}
	var tests []Test
	for _, label := range slices.Sorted(maps.Keys(runners)) {
		t, err := d.test(label, runners[label])
		if err != nil {
			return nil, fmt.Errorf("hashing the inputs of %s: %w", label, err)
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// node is an action, a set of artifacts or an artifact.
type node struct {
	sum   [sha256.Size]byte
	doubt string
}

type digester struct {
	*Graph
	files   Files
	actions map[*action]node
	sets    map[int]node
	sources map[int]node // by artifact: many sets have the same one
}

// test sums up the shards and configurations of one target.
func (d *digester) test(label string, runners []*action) (Test, error) {
	t := Test{Label: label, Class: d.classes[d.labels[runners[0].Target].Class]}
	var sums []string
	for _, a := range runners {
		n, err := d.action(a)
		if err != nil {
			return t, err
		}
		t.Doubt = first(t.Doubt, uncached(a), n.doubt)
		sums = append(sums, hex.EncodeToString(n.sum[:]))
	}
	slices.Sort(sums) // the order of actions is none of Bazel's promises
	sum := sha256.Sum256([]byte(strings.Join(sums, "\n")))
	t.Digest = hex.EncodeToString(sum[:])
	return t, nil
}

// uncached says why Bazel runs the test each time; empty when it does not.
func uncached(a *action) string {
	for _, info := range a.Info {
		if info.Key == "external" || info.Key == "no-cache" {
			return "it has the tag " + info.Key
		}
	}
	return ""
}

func (d *digester) action(a *action) (node, error) {
	if n, known := d.actions[a]; known {
		return n, nil
	}
	n, err := d.sum("action "+d.key(a), a.Inputs, d.set)
	if a.Discovers {
		n.doubt = first(n.doubt, fmt.Sprintf("%s of %s finds inputs while it runs", a.Mnemonic, d.labels[a.Target].Label))
	}
	d.actions[a] = n
	return n, err
}

func (d *digester) set(id int) (node, error) {
	if n, known := d.sets[id]; known {
		return n, nil
	}
	set := d.Graph.sets[id]
	direct, err := d.sum("direct", set.Direct, d.artifact)
	if err != nil {
		return node{}, err
	}
	n, err := d.sum("set "+hex.EncodeToString(direct.sum[:]), set.Transitive, d.set)
	n.doubt = first(direct.doubt, n.doubt)
	d.sets[id] = n
	return n, err
}

func (d *digester) artifact(id int) (node, error) {
	path := d.path(id)
	if maker := d.makers[id]; maker != nil {
		n, err := d.action(maker)
		n.sum = sha256.Sum256(fmt.Appendf(nil, "output %q %x", path, n.sum))
		return n, err
	}
	if strings.HasPrefix(path, "bazel-out/") {
		return node{doubt: path + " is written by Bazel for each build"}, nil
	}
	if n, known := d.sources[id]; known {
		return n, nil
	}
	sum, err := d.files(path)
	n := node{sum: sha256.Sum256(fmt.Appendf(nil, "source %q %x", path, sum))}
	d.sources[id] = n
	return n, err
}

// sum digests what of says of each id.
func (d *digester) sum(head string, ids []int, of func(int) (node, error)) (node, error) {
	var all node
	h := sha256.New()
	fmt.Fprintln(h, head, len(ids))
	for _, id := range ids {
		n, err := of(id)
		if err != nil {
			return node{}, err
		}
		h.Write(n.sum[:])
		all.doubt = first(all.doubt, n.doubt)
	}
	h.Sum(all.sum[:0])
	return all, nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
