package node

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// fakeNode behaves as containerd 1.6 in a kind node: an import stores blobs, makes the records, and then fails on the
// first layer of which it has neither snapshot nor content.
type fakeNode struct {
	name string
	free int64 // KiB

	dieAfter int64  // bytes of the stream after which an import dies; 0: never
	dieLate  bool   // an import dies after it has made the records
	recorded func() // called when an import has made its records; may be nil
	noUnpack bool   // the import says that it went well and unpacks nothing

	mu        sync.Mutex
	records   map[string]string // name → manifest digest
	content   map[string][]byte
	ingests   map[string][]byte // beginnings of entries that were cut off; the next import goes on from there
	snapshots map[string]bool
	argv      []string // commands so far, the listing as "list"
	entries   []string // names of the last archive's entries
}

func newFakeNode(name string) *fakeNode {
	return &fakeNode{name: name, free: 1 << 30, records: map[string]string{}, content: map[string][]byte{}, ingests: map[string][]byte{}, snapshots: map[string]bool{}}
}

func (n *fakeNode) Name() string { return n.name }

func (n *fakeNode) Exec(_ context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	line := strings.Join(argv, " ")
	if argv[len(argv)-1] == collectScript {
		n.argv = append(n.argv, "collect")
		clear(n.ingests)
		return nil, nil
	}
	if argv[0] == "sh" {
		n.argv = append(n.argv, "list")
		return n.listing(), nil
	}
	n.argv = append(n.argv, strings.TrimPrefix(line, "ctr -n k8s.io "))
	switch {
	case strings.Contains(line, " images import "):
		return nil, n.importArchive(stdin)
	case strings.HasSuffix(line, " images ls -q"):
		return []byte(strings.Join(slices.Sorted(maps.Keys(n.records)), "\n")), nil
	case strings.Contains(line, " images rm "):
		for _, name := range argv[5:] {
			delete(n.records, name)
		}
		return nil, nil
	case strings.Contains(line, " content rm "):
		for _, digest := range argv[5:] {
			delete(n.content, digest)
		}
		return nil, nil
	}
	return nil, fmt.Errorf("unexpected command %q", line)
}

func (n *fakeNode) listing() []byte {
	var out strings.Builder
	fmt.Fprintln(&out, "# images")
	for name := range n.records {
		fmt.Fprintln(&out, name)
	}
	fmt.Fprintln(&out, "# content")
	for digest := range n.content {
		fmt.Fprintln(&out, digest)
	}
	fmt.Fprintln(&out, "# snapshots\nKEY PARENT KIND")
	for chain := range n.snapshots {
		fmt.Fprintln(&out, chain, "Committed")
	}
	fmt.Fprintf(&out, "# disk\nFilesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 999 1 %d 1%% /var\n# end\n", n.free)
	return []byte(out.String())
}

func (n *fakeNode) importArchive(r io.Reader) error {
	if n.dieAfter > 0 {
		io.CopyN(io.Discard, r, n.dieAfter)
		return errors.New("ctr: no space left on device")
	}
	archive := tar.NewReader(r)
	files := make(map[string][]byte)
	n.entries = nil
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("ctr: %w", err)
		}
		data, err := io.ReadAll(archive)
		begun := n.ingests[header.Name]
		if err != nil {
			n.ingests[header.Name] = append(begun, data[min(len(begun), len(data)):]...)
			return fmt.Errorf("ctr: %w", err)
		}
		data = append(begun, data[len(begun):]...)
		files[header.Name] = data
		n.entries = append(n.entries, header.Name)
		if strings.HasPrefix(header.Name, "blobs/") {
			n.content[digestOf(data)] = data
		}
	}
	return n.importIndex(files["index.json"])
}

func (n *fakeNode) importIndex(data []byte) error {
	var index struct{ Manifests []indexEntry }
	if err := json.Unmarshal(data, &index); err != nil {
		return fmt.Errorf("ctr: missing index.json: %w", err)
	}
	for _, m := range index.Manifests {
		n.records[m.Annotations[nameAnnotation]] = m.Digest
	}
	if n.recorded != nil {
		n.recorded()
	}
	if n.dieLate {
		return errors.New("ctr: failed to extract layer")
	}
	for _, m := range index.Manifests {
		if err := n.unpack(m.Digest); err != nil {
			return err
		}
	}
	return nil
}

type fakeManifest struct {
	Config plan.Blob   `json:"config"`
	Layers []plan.Blob `json:"layers"`
}

func (n *fakeNode) unpack(digest string) error {
	var manifest fakeManifest
	var diffIDs []string
	if err := errors.Join(json.Unmarshal(n.content[digest], &manifest), json.Unmarshal(n.content[manifest.Config.Digest], &diffIDs)); err != nil {
		return fmt.Errorf("ctr: manifest %s: %w", digest, err)
	}
	n.records[manifest.Config.Digest] = digest // the kubelet's runtime does it
	if n.noUnpack {
		return nil
	}
	for i, chain := range chainIDs(diffIDs) {
		if _, ok := n.content[manifest.Layers[i].Digest]; !ok && !n.snapshots[chain] {
			return fmt.Errorf("ctr: failed to get reader from content store: %s: not found", manifest.Layers[i].Digest)
		}
		n.snapshots[chain] = true
	}
	return nil
}

// take returns and forgets the commands so far.
func (n *fakeNode) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.argv = nil }()
	return n.argv
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// fakeImage makes an image whose layers hold the given texts, and puts the layers into blobs.
func fakeImage(t *testing.T, blobs source.Memory, name string, layers ...string) Image {
	t.Helper()
	d := plan.Descriptor{Version: plan.Version, Name: name, Label: "//services/" + name + ":image"}
	for _, text := range layers {
		blob := plan.Blob{MediaType: "application/vnd.oci.image.layer.v1.tar", Digest: digestOf([]byte(text)), Size: int64(len(text))}
		blobs[blob.Digest] = []byte(text)
		d.Layers = append(d.Layers, blob)
		d.DiffIDs = append(d.DiffIDs, digestOf([]byte("unpacked "+text)))
	}
	d.Config = fakeContent(t, "application/vnd.oci.image.config.v1+json", d.DiffIDs)
	d.Manifest = fakeContent(t, "application/vnd.oci.image.manifest.v1+json", fakeManifest{d.Config.Blob, d.Layers})
	return Image{Descriptor: d, Repository: "kind.local/" + name}
}

func fakeContent(t *testing.T, mediaType string, value any) plan.Content {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: digestOf(data), Size: int64(len(data))}, Data: data}
}
