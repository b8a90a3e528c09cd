package kindnode

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// listScript prints what a node holds, one line each: image names, digests of content, names of finished snapshots.
const listScript = `set -e
ctr -n k8s.io images ls -q | sed 's/^/image /'
ctr -n k8s.io content ls -q | sed 's/^/content /'
ctr -n k8s.io snapshots --snapshotter overlayfs ls | awk '$NF == "Committed" {print "snapshot", $1}'`

// collectScript runs containerd's garbage collection, which ctr knows only as a side effect.
const collectScript = `ctr -n k8s.io leases create --id bench-collect >/dev/null && ctr -n k8s.io leases rm --sync bench-collect >/dev/null`

// held is what a node has, by line of the listing.
type held map[string]bool

func list(ctx context.Context, node cluster.Node) (held, error) {
	out, err := node.Exec(ctx, nil, "sh", "-c", listScript)
	if err != nil {
		return nil, err
	}
	h := held{}
	for line := range strings.Lines(string(out)) {
		h[strings.TrimSpace(line)] = true
	}
	return h, nil
}

// A node counts as settled when it has not changed for so many looks, one a second.
const settledLooks = 6

// settled waits until the cluster's own pods no longer change what the node has: their snapshots would count as disk that a
// delivery took.
func settled(ctx context.Context, node cluster.Node) (held, error) {
	var last held
	for same := 0; same < settledLooks; {
		now, err := list(ctx, node)
		if err != nil {
			return nil, err
		}
		same++
		if !maps.Equal(now, last) {
			same, last = 0, now
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return last, nil
}

// left are the lines of h that a reset has to see gone, sorted: image names that first lacks, and what belongs to the images.
// Other snapshots may come at any time, with a pod of the cluster's own that starts late.
func (h held) left(first held, images []plan.Descriptor) []string {
	var lines []string
	for line := range h {
		if strings.HasPrefix(line, "image ") && !first[line] {
			lines = append(lines, line)
		}
	}
	for _, d := range images {
		for _, line := range parts(d) {
			if h[line] {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// parts are the lines of an image that a node has, but for its name. Snapshots are named by the layers up to theirs
// (https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid).
func parts(d plan.Descriptor) []string {
	lines := []string{"content " + d.Manifest.Digest, "content " + d.Config.Digest}
	for _, l := range d.Layers {
		lines = append(lines, "content "+l.Digest)
	}
	chain := ""
	for i, id := range d.DiffIDs {
		if i > 0 {
			id = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(chain+" "+id)))
		}
		chain = id
		lines = append(lines, "snapshot "+chain)
	}
	return lines
}

// reset repeats itself: the kubelet's runtime answers a new image with a name of its own, a moment later.
func (c *Cluster) reset(ctx context.Context, i int, images []plan.Descriptor) error {
	node := c.lease.Nodes[i]
	for {
		now, err := list(ctx, node)
		if err != nil {
			return err
		}
		left := now.left(c.first[i], images)
		if len(left) == 0 {
			return nil
		}
		if err := remove(ctx, node, left); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), fmt.Errorf("it still has %q", left))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func remove(ctx context.Context, node cluster.Node, lines []string) error {
	var images []string
	for _, line := range lines {
		if name, ok := strings.CutPrefix(line, "image "); ok {
			images = append(images, name)
		}
	}
	if len(images) > 0 {
		if _, err := node.Exec(ctx, nil, append([]string{"ctr", "-n", "k8s.io", "images", "rm"}, images...)...); err != nil {
			return err
		}
	}
	_, err := node.Exec(ctx, nil, "sh", "-c", collectScript)
	return err
}

// Disk is what containerd's folder takes on the disks of the first n nodes together, in bytes, after containerd has deleted
// what was dropped: it does so a moment later by itself.
func (c *Cluster) Disk(ctx context.Context, n int) (int64, error) {
	sizes := make([]int64, n)
	err := c.each(ctx, n, func(ctx context.Context, i int) error {
		out, err := c.lease.Nodes[i].Exec(ctx, nil, "sh", "-c", collectScript+" && du -s --block-size=1 /var/lib/containerd")
		if err != nil {
			return err
		}
		size, _, _ := strings.Cut(string(out), "\t")
		sizes[i], err = strconv.ParseInt(size, 10, 64)
		return err
	})
	var total int64
	for _, size := range sizes {
		total += size
	}
	return total, err
}

// Quiet waits until this machine's disks have all that was written to them, so that nobody pays for the one before.
func Quiet() { syscall.Sync() }
