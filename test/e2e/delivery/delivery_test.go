// Package delivery_test delivers made-up images into the nodes of a real kind cluster, as slipway does, and breaks the
// delivery in every way that a node or a source can break. It says what has to be there afterwards: every image whole or
// not at all, and nothing else. It is no suite: what it tests is the runner, so it imports that.
package delivery_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	baseBytes  = 48 << 20
	layerBytes = 32 << 20
	spareBytes = 8 << 20 // free space of a disk that will be full
	images     = 10
)

// A kind node's containerd folders.
const (
	contentFolder  = "/var/lib/containerd/io.containerd.content.v1.content"
	snapshotFolder = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"
)

// TestDelivery uses one cluster of a control plane and a worker for all; the worker is the one that breaks.
func TestDelivery(t *testing.T) {
	c := acquire(t)
	t.Run("ten images leave no compressed content", c.tenImages)
	t.Run("what nobody has changed costs one connection", c.unchanged)
	t.Run("a changed layer is read once and goes alone", c.changed)
	for _, n := range c.nodes {
		n.indirect = true
	}
	t.Run("a changed layer goes through a command in the node", c.changed)
	t.Run("a restart breaks the command", func(t *testing.T) {
		c.breaks(t, broken{middle: func(c *setup, _ *reading) error { return c.worker().killContainerd() }, times: 1})
	})
	for _, n := range c.nodes {
		n.indirect = false
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) { c.breaks(t, f) })
	}
}

func (c *setup) tenImages(t *testing.T) {
	var before []int64
	for _, n := range c.nodes {
		before = append(before, n.diskUsage(t))
	}
	base := c.layers.layer(baseBytes)
	for range images {
		c.ten = append(c.ten, c.layers.image(base, c.layers.layer(1<<20)))
	}
	result := c.load(t, c.ten)
	if want := (images + 1) * len(c.nodes); result.LayersSent != want || c.layers.opened() != images+1 {
		t.Errorf("%d layers sent from %d readings, want %d from %d", result.LayersSent, c.layers.opened(), want, images+1)
	}
	unpacked := int64(baseBytes + images<<20)
	for i, n := range c.nodes {
		grown := n.collected(t, before[i]+unpacked+unpacked/10) - before[i]
		t.Logf("%s: %.1f MB for %.1f MB of files", n.Name(), float64(grown)/1e6, float64(unpacked)/1e6)
		if grown > unpacked+unpacked/10 {
			t.Errorf("%s: %d bytes for %d bytes of files, want 1.1 times as many at most", n.Name(), grown, unpacked)
		}
	}
	for _, n := range c.nodes {
		if left := c.state(t, n).contents(c.ten); len(left) > 0 {
			t.Errorf("%s: content of unpacked layers is left: %q", n.Name(), left)
		}
	}
}

func (c *setup) unchanged(t *testing.T) {
	result := c.load(t, c.ten)
	if result.BytesSent != 0 || c.layers.opened() != 0 {
		t.Errorf("%d bytes sent, %d layers read; want none", result.BytesSent, c.layers.opened())
	}
	for _, n := range c.nodes {
		c.quick(t, n)
	}
}

func (c *setup) changed(t *testing.T) {
	one := c.ten[0]
	one.Descriptor = c.layers.image(one.Descriptor.Layers[0], c.layers.layer(6<<20)).Descriptor
	result := c.load(t, append([]node.Image{one}, c.ten[1:]...))
	if result.LayersSent != len(c.nodes) || c.layers.opened() != 1 {
		t.Errorf("%d layers sent from %d readings, want one to each node from 1", result.LayersSent, c.layers.opened())
	}
	if limit := int64(len(c.nodes)) * (6 << 20) * 11 / 10; result.BytesSent > limit {
		t.Errorf("%d bytes sent, want %d at most", result.BytesSent, limit)
	}
	for _, n := range c.nodes {
		c.quick(t, n)
	}
}

// quick holds the delivery to one connection, and to no command for anybody who may look into the node.
func (c *setup) quick(t *testing.T, n *machine) {
	t.Helper()
	if execs, dials := n.execs.Load(), n.dials.Load(); dials != 1 || !n.indirect && os.Geteuid() == 0 && execs != 0 {
		t.Errorf("%s: %d connections and %d commands, want one connection", n.Name(), dials, execs)
	}
}

// broken is a delivery that breaks at the middle of its only layer, or by itself.
type broken struct {
	name   string
	blobs  source.Blobs                               // the source; nil: the one that has it
	before func(t *testing.T, c *setup) (undo func()) // nil: nothing
	middle func(c *setup, b *reading) error           // what reading the second half fails with; nil goes on
	times  int                                        // attempts that break; 0: all
	want   []string                                   // words of the error; none: it succeeds by itself
	code   int
	others bool // the other node gets the image all the same
}

var faults = []broken{
	{
		name:   "the disk of the content is full",
		before: func(t *testing.T, c *setup) func() { return c.worker().shrink(t, contentFolder) },
		want:   []string{"node ", "-worker\": importing: ", "no space left on device"}, code: fault.Delivery, others: true,
	},
	{
		name:   "the disk of the snapshots is full",
		before: func(t *testing.T, c *setup) func() { return c.worker().shrink(t, snapshotFolder) },
		want:   []string{"node ", "-worker\": importing: ", "no space left on device"}, code: fault.Delivery, others: true,
	},
	{
		name:   "the node is restarted",
		middle: func(c *setup, _ *reading) error { return c.worker().restart() }, times: 1,
	},
	{
		name:   "containerd is killed",
		middle: func(c *setup, _ *reading) error { return c.worker().killContainerd() }, times: 1,
	},
	{
		name:   "containerd is killed again and again",
		middle: func(c *setup, _ *reading) error { return c.worker().killContainerd() },
		want:   []string{"-worker\": restarted while it took the images: importing: "}, code: fault.Delivery, others: true,
	},
	{
		name:  "the source has lost the layer",
		blobs: &source.Chain{},
		want:  []string{"opening a blob of //test:image-", "is nowhere to be found"}, code: fault.Delivery,
	},
	{
		name:   "the source is cut off",
		middle: func(*setup, *reading) error { return errors.New("connection reset by peer") },
		want:   []string{"streaming a blob of //test:image-", "connection reset by peer"}, code: fault.Delivery,
	},
	{
		name:   "the source is corrupt",
		middle: func(_ *setup, b *reading) error { b.corrupt = true; return nil },
		want:   []string{"streaming a blob of //test:image-", "is corrupt: its bytes have the digest sha256:"}, code: fault.Delivery,
	},
	{
		name:   "the source ends early",
		middle: func(_ *setup, b *reading) error { b.short = true; return nil },
		want:   []string{"streaming a blob of //test:image-", "is corrupt: 16777984 bytes of 33555968"}, code: fault.Delivery,
	},
	{
		name: "the source hangs until somebody interrupts",
		middle: func(_ *setup, b *reading) error {
			time.AfterFunc(time.Second, b.interrupt)
			<-b.ctx.Done()
			return b.ctx.Err()
		},
		want: []string{context.Canceled.Error()}, code: fault.Interrupted,
	},
}

// breaks expects success or one clear error, the nodes as they were, and a second delivery that works.
func (c *setup) breaks(t *testing.T, f broken) {
	image := c.layers.image(c.layers.layer(layerBytes))
	undo := func() {}
	if f.before != nil {
		undo = f.before(t, c)
	}
	before := c.states(t)
	err := c.attempt(t, f, image)
	if len(f.want) == 0 {
		if err != nil {
			t.Errorf("error %v, want success by a second attempt", err)
		}
		undo()
		c.expect(t, before, image, true, true)
		return
	}
	c.checkError(t, f, err)
	c.expect(t, before, image, f.others, false)
	undo()
	c.load(t, []node.Image{image})
	c.expect(t, before, image, true, true)
}

func (c *setup) checkError(t *testing.T, f broken, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("the delivery succeeded")
	}
	t.Logf("error: %v", err)
	for _, word := range f.want {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error must have %q, got: %v", word, err)
		}
	}
	if got := fault.Code(err); got != f.code {
		t.Errorf("exit code %d, want %d", got, f.code)
	}
	if strings.Contains(err.Error(), "no space") && len(fault.Hints(err)) == 0 {
		t.Error("a full disk has no hints")
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %v", err)
	}
}

// expect compares the nodes with what they had before: the image is whole or not there, and nothing else has changed.
func (c *setup) expect(t *testing.T, before []state, image node.Image, control, worker bool) {
	t.Helper()
	for i, whole := range []bool{control, worker} {
		want := before[i].clone()
		if whole {
			want.add(image)
		}
		if diff := cmp.Diff(want, c.settled(t, c.nodes[i], want)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.nodes[i].Name(), diff)
		}
	}
}
