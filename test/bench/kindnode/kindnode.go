// Package kindnode gives benchmarks a kind cluster of their own, the ways in which others bring images into it, and its
// nodes back as they were before.
//
// The cluster is leased as slipway leases one, under another name and in another folder, so that it is nobody else's; the
// rules that keep its packets on this machine are checked by the same code. It is deleted in the end.
package kindnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Runfiles of the benchmarks that use a cluster.
const (
	nodeImage = "_main/tools/e2e/node_image.json"
	kindFile  = "_main/test/bench/kind/kind_/kind"
)

// Cluster is a kind cluster in the hands of a benchmark.
type Cluster struct {
	lease *cluster.Lease
	kind  string // path of kind's command line
	first []held // what the nodes had in the beginning
}

// Open creates a cluster of so many nodes, a control plane and workers, and waits until its own pods have unpacked their images.
// The time for that is nobody's.
func Open(ctx context.Context, host *measure.Host, nodes int) (*Cluster, error) {
	kind, err := host.File(kindFile)
	if err != nil {
		return nil, err
	}
	image, err := readNodeImage(host)
	if err != nil {
		return nil, err
	}
	lease, err := cluster.Acquire(ctx, cluster.Config{
		Name: "bench", Kind: configuration(nodes), Image: image, Dir: host.State, Fresh: true,
		EngineHook: strings.Fields(os.Getenv("SLIPWAY_ENGINE_HOOK")),
	})
	if err != nil {
		return nil, err
	}
	c := &Cluster{lease: lease, kind: kind, first: make([]held, nodes)}
	err = c.each(ctx, nodes, func(ctx context.Context, i int) (err error) {
		c.first[i], err = settled(ctx, lease.Nodes[i])
		return err
	})
	if err == nil {
		err = c.facts(ctx, host)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

func readNodeImage(host *measure.Host) (plan.NodeImage, error) {
	path, err := host.File(nodeImage)
	if err != nil {
		return plan.NodeImage{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return plan.NodeImage{}, err
	}
	return plan.DecodeNodeImage(nodeImage, data)
}

func configuration(nodes int) []byte {
	text := "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - role: control-plane\n"
	return []byte(text + strings.Repeat("  - role: worker\n", nodes-1))
}

func (c *Cluster) facts(ctx context.Context, host *measure.Host) error {
	out, err := c.lease.Nodes[0].Exec(ctx, nil, "containerd", "--version")
	if f := strings.Fields(string(out)); err == nil && len(f) > 2 {
		host.Fact("containerd", f[2])
	}
	return err
}

// Nodes are the first n nodes.
func (c *Cluster) Nodes(n int) []cluster.Node { return c.lease.Nodes[:n] }

// Gateway is this machine's address as the nodes see it.
func (c *Cluster) Gateway() string { return c.lease.Gateway }

// Close deletes the cluster. It works when ctx has ended.
func (c *Cluster) Close(ctx context.Context) error { return c.lease.Release(ctx, false) }

// each runs do for the first n nodes at once.
func (c *Cluster) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			if err := do(ctx, i); err != nil {
				return fmt.Errorf("node %q: %w", c.lease.Nodes[i].Name(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// KindLoad is `kind load image-archive` for the first n nodes.
func (c *Cluster) KindLoad(ctx context.Context, archive string, n int) error {
	var names []string
	for _, node := range c.Nodes(n) {
		names = append(names, node.Name())
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, c.kind, "load", "image-archive", archive, "--name="+c.lease.Name, "--nodes="+strings.Join(names, ","))
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kind load image-archive: %w: %s", err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

// Import is `ctr images import` of the whole archive in the first n nodes at once, through the engine's exec.
func (c *Cluster) Import(ctx context.Context, archive string, n int) error {
	return c.each(ctx, n, func(ctx context.Context, i int) error {
		f, err := os.Open(archive)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = c.lease.Nodes[i].Exec(ctx, f, "ctr", "-n", "k8s.io", "images", "import", "--digests", "--snapshotter=overlayfs", "-")
		return err
	})
}

// Counted are the first n nodes, and a counter of the bytes that their containerds get.
func (c *Cluster) Counted(n int) ([]cluster.Node, *atomic.Int64) {
	sent := new(atomic.Int64)
	var nodes []cluster.Node
	for _, node := range c.Nodes(n) {
		nodes = append(nodes, counted{node, sent})
	}
	return nodes, sent
}

type counted struct {
	cluster.Node
	sent *atomic.Int64
}

func (c counted) Dial(ctx context.Context, socket string) (net.Conn, error) {
	conn, err := c.Node.Dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	return counter{conn, c.sent}, nil
}

type counter struct {
	net.Conn
	sent *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// settleTimeout bounds the wait for containerd and the kubelet to drop what was removed.
const settleTimeout = 3 * time.Minute

// Reset removes from all nodes the images that they did not have in the beginning, verifies that nothing of the given ones is
// left, and waits until the disk is quiet.
func (c *Cluster) Reset(ctx context.Context, images ...plan.Descriptor) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	err := c.each(ctx, len(c.first), func(ctx context.Context, i int) error { return c.reset(ctx, i, images) })
	if err != nil {
		return fmt.Errorf("removing images: %w", err)
	}
	Quiet()
	return nil
}
