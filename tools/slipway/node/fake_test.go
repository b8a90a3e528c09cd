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
	"strconv"
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
	restarts int    // so many imports die by a restart of containerd, which leaves their leases
	recorded func() // called when an import has made its records; may be nil
	noUnpack bool   // the import says that it went well and unpacks nothing
	mute     bool   // the session says nothing until its input ends

	mu        sync.Mutex
	run       int               // of containerd
	records   map[string]string // name → manifest digest
	content   map[string][]byte
	ingests   map[string][]byte // beginnings of entries that were cut off; the next import goes on from there
	leases    map[string]string // id → time
	snapshots map[string]bool
	argv      []string // commands so far, the session as "session" and what it is told
	entries   []string // names of the last session's entries
	most      int      // bytes of large blobs that the node held at a time in the last session
}

func newFakeNode(name string) *fakeNode {
	return &fakeNode{name: name, free: 1 << 30, records: map[string]string{}, content: map[string][]byte{}, ingests: map[string][]byte{},
		leases: map[string]string{"pull": "2026-11-23T17:00:00"}, snapshots: map[string]bool{}}
}

func (n *fakeNode) Name() string { return n.name }

func (n *fakeNode) Exec(_ context.Context, _ io.Reader, argv ...string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	line := strings.Join(argv, " ")
	switch {
	case argv[0] == "sh" && argv[2] == collectScript:
		n.argv = append(n.argv, "collect")
		clear(n.ingests)
		return nil, nil
	case argv[0] == "sh" && argv[2] == leasesScript:
		n.argv = append(n.argv, "leases")
		maps.DeleteFunc(n.leases, func(_, made string) bool { return made >= argv[4] })
		return nil, nil
	case argv[0] == "sh" && argv[2] == awakeScript:
		n.argv = append(n.argv, "awake")
		return fmt.Appendln(nil, n.run, "run"), nil
	}
	n.argv = append(n.argv, strings.TrimPrefix(line, "ctr -n k8s.io "))
	switch {
	case strings.HasSuffix(line, " images ls -q"):
		return []byte(strings.Join(slices.Sorted(maps.Keys(n.records)), "\n")), nil
	case strings.Contains(line, " images rm "):
		for _, name := range argv[5:] {
			delete(n.records, name)
		}
		return nil, nil
	}
	return nil, fmt.Errorf("unexpected command %q", line)
}

// Stream is the session.
func (n *fakeNode) Stream(_ context.Context, stdin io.Reader, stdout io.Writer, argv ...string) error {
	if argv[len(argv)-1] != sessionScript {
		return fmt.Errorf("unexpected command %q", argv)
	}
	if n.mute {
		_, err := io.Copy(io.Discard, stdin)
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.argv = append(n.argv, "session")
	n.greet(stdout)
	n.entries, n.most = nil, 0
	for {
		words := n.readLine(stdin)
		if len(words) == 0 {
			return nil
		}
		n.argv = append(n.argv, words[0])
		if size, err := strconv.ParseInt(words[1], 10, 64); err != nil {
			return err
		} else if words[0] != "drop" {
			if err := n.importArchive(io.LimitReader(stdin, size)); err != nil {
				return err
			}
		}
		n.most = max(n.most, n.layerContent())
		for _, digest := range words[2:] {
			delete(n.content, digest)
		}
		if words[0] != "part" {
			break
		}
		fmt.Fprint(stdout, "# ready\n# end\n")
	}
	n.listSnapshots(stdout)
	return nil
}

// layerContent is the size of the largest blobs.
func (n *fakeNode) layerContent() int {
	size := 0
	for _, data := range n.content {
		if len(data) >= 1<<20 {
			size += len(data)
		}
	}
	return size
}

// readLine is the shell's read, which takes no byte more.
func (n *fakeNode) readLine(r io.Reader) []string {
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			return nil
		}
		if b[0] == '\n' {
			return strings.Fields(string(line))
		}
	}
}

// greet is what the session says first.
func (n *fakeNode) greet(out io.Writer) {
	fmt.Fprintf(out, "# run\n%d run\n# began\n2026-11-23T18:00:00\n# disk\nFilesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 999 1 %d 1%% /var\n", n.run, n.free)
	n.list(out)
}

func (n *fakeNode) list(out io.Writer) {
	fmt.Fprintln(out, "# images")
	for name := range n.records {
		fmt.Fprintln(out, name)
	}
	fmt.Fprintln(out, "# content")
	for digest := range n.content {
		fmt.Fprintln(out, digest)
	}
	n.listSnapshots(out)
}

func (n *fakeNode) listSnapshots(out io.Writer) {
	fmt.Fprintln(out, "# snapshots\nKEY PARENT KIND")
	for chain := range n.snapshots {
		fmt.Fprintln(out, chain, "Committed")
	}
	fmt.Fprintln(out, "# end")
}

func (n *fakeNode) importArchive(r io.Reader) error {
	if n.restarts > 0 {
		n.restarts--
		io.CopyN(io.Discard, r, 1000)
		n.run++
		n.leases["killed"] = "2026-11-23T18:00:00"
		return errors.New("exit status 137")
	}
	if n.dieAfter > 0 {
		io.CopyN(io.Discard, r, n.dieAfter)
		return errors.New("ctr: no space left on device")
	}
	archive := tar.NewReader(r)
	files := make(map[string][]byte)
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
	if rest, err := io.Copy(io.Discard, r); err != nil || rest > 0 {
		return fmt.Errorf("%d bytes after the archive's end, error %v", rest, err)
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
