// Package node delivers images into the nodes of a kind cluster without a registry, without an archive on disk, and
// without the layers that a node already has.
//
// A delivery talks to the containerd of each node through its API: it asks once what the node holds, and stores, unpacks and records
// what it lacks. Each missing layer is read once from its source and goes to all nodes that lack it at the same time; no more than
// 3 MiB of it are in memory. While one layer is unpacked the next one comes. A layer whose snapshot exists is neither sent nor unpacked.
// The content of unpacked layers is dropped, also what was there before: neither pods nor the next delivery need it. An image is named
// "<repository>@sha256:<manifest digest>", so manifests carry the same reference whether nodes pull or are loaded.
//
// A record alone makes an image look present to the kubelet, so it is the last thing that an image gets. Until then all that has come
// is under a lease of the delivery's, and goes with it when the delivery fails. In a node where containerd was restarted under the
// delivery it is done once more.
//
// Non-goals: images of several platforms in one delivery, snapshotters other than overlayfs, tags.
package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// Image is one image to deliver.
type Image struct {
	Descriptor plan.Descriptor
	Repository string // "kind.local/gateway"
}

// Reference is the image's name in the nodes: "<repository>@<manifest digest>".
func (i Image) Reference() string { return i.Repository + "@" + i.Descriptor.Manifest.Digest }

// Loader delivers images. It holds no state between calls.
type Loader struct {
	Blobs    source.Blobs      // opens the layers; manifests and configurations come from the descriptors
	Progress progress.Reporter // nil: silent
	Archive  bool              // send every layer to every node and keep its content, as a plain archive would
}

// Result counts a delivery. Counts of layers are sums over the nodes.
type Result struct {
	BytesSent     int64             // bytes of blobs that all nodes got together
	BytesPerNode  map[string]int64  // the same by node; 0 for a node that had everything
	LayerBytes    int64             // the layers' part of BytesSent
	LayersSent    int               // layers that a node got
	LayersPresent int               // layers that a node had
	References    map[string]string // image name → Reference
}

// Load brings all images to all nodes. Nothing is sent before every node has said what it holds. From then on a node that fails does
// not stop the others; a blob that cannot be read or has another digest than its name stops all. After an error, or when ctx ends, a
// node has each image either as it was or whole, and nothing of it is left that is neither. Errors are joined and name their node.
func (l *Loader) Load(ctx context.Context, nodes []cluster.Node, images []Image) (Result, error) {
	result := Result{BytesPerNode: make(map[string]int64), References: make(map[string]string)}
	for _, image := range images {
		if err := check(image); err != nil {
			return result, fault.New(fault.Usage, err)
		}
		result.References[image.Descriptor.Name] = image.Reference()
	}
	err := l.load(ctx, nodes, images, &result)
	if err != nil && ctx.Err() != nil {
		err = fault.New(fault.Interrupted, err)
	}
	return result, err
}

// load makes an attempt, another one where wrong bytes of one source ended the first, and one for the nodes in which
// containerd was restarted.
func (l *Loader) load(ctx context.Context, nodes []cluster.Node, images []Image, result *Result) error {
	targets, cause := l.attempt(ctx, nodes, images)
	for source.Repeatable(cause) { // ends: each time one source less has the blob
		l.warn(cause, "delivering once more, from another source")
		for _, t := range targets {
			result.moved(t)
		}
		targets, cause = l.attempt(ctx, nodes, images)
	}
	var again []cluster.Node
	for _, t := range targets {
		if t.restarted {
			again = append(again, t.node)
		}
	}
	if cause == nil && len(again) > 0 {
		l.warn(failure(nil, targets), "delivering once more to "+progress.Count(len(again), "node"))
		var rest []*target
		for _, t := range targets {
			if t.restarted {
				result.moved(t)
			} else {
				rest = append(rest, t)
			}
		}
		targets, cause = l.attempt(ctx, again, images)
		targets = append(rest, targets...)
	}
	for _, t := range targets {
		result.moved(t)
		result.LayersPresent += t.present
	}
	return failure(cause, targets)
}

// attempt returns what happened in each node, and a cause that lies before the nodes.
func (l *Loader) attempt(ctx context.Context, nodes []cluster.Node, images []Image) ([]*target, error) {
	targets, err := l.compare(ctx, nodes, images)
	if err != nil {
		return nil, err
	}
	defer closeAll(targets)
	return targets, l.deliver(ctx, targets, images)
}

func (l *Loader) warn(err error, then string) {
	l.progress().Line("slipway: warning: %s; %s", strings.ReplaceAll(err.Error(), "\n", "; "), then)
}

func (l *Loader) progress() progress.Reporter {
	if l.Progress == nil {
		return progress.Discard()
	}
	return l.Progress
}

// moved adds what one attempt moved to a node.
func (r *Result) moved(t *target) {
	r.BytesPerNode[t.node.Name()] += t.bytes
	r.BytesSent += t.bytes
	r.LayerBytes += t.layerBytes
	r.LayersSent += t.layersSent
}

// check holds the descriptor to what the delivery relies on.
func check(image Image) error {
	d := &image.Descriptor
	if len(d.Layers) != len(d.DiffIDs) {
		return fmt.Errorf("delivering %s to kind: descriptor has %d layers and %d diffIDs", d.Label, len(d.Layers), len(d.DiffIDs))
	}
	for _, content := range []plan.Content{d.Manifest, d.Config} {
		if sum := fmt.Sprintf("sha256:%x", sha256.Sum256(content.Data)); sum != content.Digest || int64(len(content.Data)) != content.Size {
			return fmt.Errorf("delivering %s to kind: content of %s has digest %s and %d bytes", d.Label, content.Digest, sum, len(content.Data))
		}
	}
	return nil
}

// compare decides what each node gets and whether there is room for it, before anything is sent.
func (l *Loader) compare(ctx context.Context, nodes []cluster.Node, images []Image) ([]*target, error) {
	step := l.progress().Step("comparing with "+progress.Count(len(nodes), "node"), 0)
	targets, err := l.survey(ctx, nodes, images)
	if err == nil {
		err = checkSpace(targets)
	}
	if err != nil {
		step.Fail(err)
		closeAll(targets)
		return nil, err
	}
	step.Done(summary(targets))
	return targets, nil
}

func closeAll(targets []*target) {
	for _, t := range targets {
		t.client.close()
	}
}

// survey asks all nodes at once what they hold, and decides what each of them gets.
func (l *Loader) survey(ctx context.Context, nodes []cluster.Node, images []Image) ([]*target, error) {
	targets := make([]*target, len(nodes))
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, node := range nodes {
		all.Go(func() { targets[i], errs[i] = l.ask(ctx, node, images) })
	}
	all.Wait()
	targets = slices.DeleteFunc(targets, func(t *target) bool { return t == nil })
	return targets, errors.Join(errs...)
}

// ask asks one node. From one that has the images is dropped what another way of loading has left of their layers.
func (l *Loader) ask(ctx context.Context, node cluster.Node, images []Image) (*target, error) {
	c, err := dial(node)
	if err != nil {
		return nil, fmt.Errorf("connecting with node %q: %w", node.Name(), err)
	}
	before, err := c.list(ctx)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("asking node %q for its images: %w", node.Name(), err)
	}
	t := newTarget(node, c, before, images, l.Archive)
	switch {
	case len(t.images) > 0:
		if t.disk, err = node.Space(ctx, dataFolder); err != nil {
			err = fmt.Errorf("asking node %q for its free space: %w", node.Name(), err)
		}
	case len(t.dead) > 0:
		if err = errors.Join(c.drop(ctx, t.dead), c.collect(ctx)); err != nil {
			err = fmt.Errorf("dropping the content of unpacked layers in node %q: %w", node.Name(), err)
		}
	}
	return t, err
}

// dataFolder is where a node's containerd keeps everything.
const dataFolder = "/var/lib/containerd"

// diskHints are for nodes whose disk is full.
func diskHints() []string { return []string{"make clean", "docker system df"} }

// checkSpace compares what the nodes on one disk need together with what is free there.
func checkSpace(targets []*target) error {
	need, free := make(map[uint64]int64), make(map[uint64]int64)
	names := make(map[uint64][]string)
	for _, t := range targets {
		if len(t.images) > 0 {
			d := t.disk.Device
			need[d] += t.peak()
			free[d] = t.disk.Free
			names[d] = append(names[d], t.node.Name())
		}
	}
	var errs []error
	for _, d := range slices.Sorted(maps.Keys(need)) {
		if need[d] > free[d] {
			errs = append(errs, fmt.Errorf("%s needed, %s free on the disk of %s", progress.Bytes(need[d]), progress.Bytes(free[d]), strings.Join(names[d], ", ")))
		}
	}
	return fault.New(fault.Delivery, errors.Join(errs...), diskHints()...)
}

// summary is the line of the comparison.
func summary(targets []*target) string {
	var bytes int64
	sent, present := 0, 0
	for _, t := range targets {
		bytes += t.size()
		sent += len(t.layers)
		present += t.present
	}
	return fmt.Sprintf("%s present, %d to send (%s)", progress.Count(present, "layer"), sent, progress.Bytes(bytes))
}
