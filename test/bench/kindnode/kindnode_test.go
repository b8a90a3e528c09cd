package kindnode

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// fakeNode has images, and gives one a second name when it was removed, as the kubelet's runtime does.
type fakeNode struct {
	cluster.Node
	lines     []string
	answer    string // a line that appears with the first removal
	collected int
}

func (n *fakeNode) Name() string { return "fake" }

func (n *fakeNode) Exec(_ context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	switch line := strings.Join(argv, " "); {
	case strings.Contains(line, "images ls"):
		return []byte(strings.Join(n.lines, "\n") + "\n"), nil
	case strings.Contains(line, "images rm"):
		n.lines = slices.DeleteFunc(n.lines, func(l string) bool { return slices.Contains(argv, strings.TrimPrefix(l, "image ")) })
		if n.answer != "" {
			n.lines, n.answer = append(n.lines, n.answer), ""
		}
	case strings.Contains(line, "leases"):
		n.collected++
		n.lines = slices.DeleteFunc(n.lines, func(l string) bool { return strings.HasPrefix(l, "snapshot of-test") })
	case stdin != nil:
		return io.ReadAll(stdin)
	}
	return nil, nil
}

// Dial connects with somebody who listens.
func (n *fakeNode) Dial(context.Context, string) (net.Conn, error) {
	here, there := net.Pipe()
	go io.Copy(io.Discard, there)
	return here, nil
}

func TestReset(t *testing.T) {
	n := &fakeNode{lines: []string{"image pause", "content a", "snapshot b"}}
	c := &Cluster{lease: &cluster.Lease{Nodes: []cluster.Node{n}}, first: make([]held, 1)}
	var err error
	if c.first[0], err = list(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(n.lines)
	n.lines, n.answer = append(n.lines, "snapshot of-a-late-pod", "image test", "snapshot of-test-base"), "image sha256:test"
	want = append(want, "snapshot of-a-late-pod")
	if err := c.Reset(t.Context(), plan.Descriptor{DiffIDs: []string{"of-test-base"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, n.lines); diff != "" {
		t.Errorf("after the reset (-want +got):\n%s", diff)
	}
	if n.collected == 0 {
		t.Error("nothing was collected")
	}
}

func TestResetGivesUp(t *testing.T) {
	n := &fakeNode{lines: []string{"content of-test"}}
	c := &Cluster{lease: &cluster.Lease{Nodes: []cluster.Node{n}}, first: []held{{}}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	test := plan.Descriptor{Layers: []plan.Blob{{Digest: "of-test"}}}
	if err := c.Reset(ctx, test); err == nil || !strings.Contains(err.Error(), "content of-test") {
		t.Errorf("error %v, want one that names what is left", err)
	}
}

// The second snapshot's name is what `printf '%s %s' A B | sha256sum` says.
func TestParts(t *testing.T) {
	a, b := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	d := plan.Descriptor{DiffIDs: []string{a, b}, Layers: []plan.Blob{{Digest: "l1"}, {Digest: "l2"}}}
	d.Manifest.Digest, d.Config.Digest = "m", "c"
	want := []string{"content m", "content c", "content l1", "content l2", "snapshot " + a,
		"snapshot sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"}
	if diff := cmp.Diff(want, parts(d)); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestCounted(t *testing.T) {
	c := &Cluster{lease: &cluster.Lease{Nodes: []cluster.Node{&fakeNode{}, &fakeNode{}}}}
	nodes, sent := c.Counted(2)
	for _, n := range nodes {
		conn, err := n.Dial(t.Context(), "socket")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "12345678")
		conn.Close()
	}
	if got := sent.Load(); got != 16 {
		t.Errorf("%d bytes counted, want 16", got)
	}
}
