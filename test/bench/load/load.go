// Package load measures how an image gets into the nodes of a kind cluster: `kind load image-archive`, `ctr images import` of
// the same archive, and slipway's delivery.
//
// The peers get their archives for nothing: making one (`docker save`, `bazel run …:load`) is not in their time. slipway
// reads the same layers from an image layout, as it does after a build.
package load

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kubernaut/kubernaut/test/bench/kindnode"
	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const (
	slipway   = "slipway"
	kindLoad  = "kind load"
	ctrImport = "ctr import"

	baseBytes    = 200_000_000
	changedBytes = 6_000_000
	maxNodes     = 3
)

// What is counted.
var (
	sentColumn  = measure.Column{Name: "bytes sent", Unit: measure.Bytes}
	layerColumn = measure.Column{Name: "layer bytes", Unit: measure.Bytes}
	diskColumn  = measure.Column{Name: "disk of a node", Unit: measure.Bytes}
)

// nodeCounts are the sizes of the cluster that each round goes through.
var nodeCounts = []int{1, maxNodes}

// caseName is "changed, 3 nodes".
func caseName(what string, nodes int) string {
	if nodes == 1 {
		return what + ", 1 node"
	}
	return fmt.Sprintf("%s, %d nodes", what, nodes)
}

// Suite is the comparison.
func Suite() measure.Suite {
	s := measure.Suite{
		Name: "load", Title: "Loading an image into kind", About: about,
		Competitors: []string{slipway, kindLoad, ctrImport},
		Columns:     []measure.Column{sentColumn, layerColumn, diskColumn},
		Targets:     targets(), Open: open,
	}
	for _, nodes := range nodeCounts {
		for _, what := range []string{"first time", "unchanged", "changed"} {
			s.Cases = append(s.Cases, caseName(what, nodes))
		}
	}
	return s
}

const about = `An image of 206 MB in two uncompressed layers, of 200 MB and 6 MB, whose bytes compress as Go binaries do. "First time":
the nodes have nothing of it. "Unchanged": the same again. "Changed": the same with other bytes in the layer of 6 MB. One cluster of
three nodes serves both sizes. Before each competitor's turn everything that images brought is removed from all nodes and the
disk is synced; it is synced before each time is taken, too. slipway asks the engine where its nodes are, unless the answer is younger
than 2 s: "changed", which comes right after "unchanged", is without that question.

*Bytes sent* is what all nodes read: for slipway all bytes on the connections to their containerds, questions included; for the others
the archive's size times nodes, because they hand each node the whole file. *Layer bytes* are slipway's own count. *Disk of a node* is by
how much its containerd folder (` + "`du`" + `) has grown since the node was empty, the mean over the nodes. The archive's making is not in the
times of the others.`

const sharedDisk = `All nodes are on this machine and share its disk and cores, and containerd hashes, stores, syncs and unpacks every
byte in each of them; the layers are read once for all. It would take a disk for each node, or fewer bytes: this image's layers are
not compressed, those of the services have a third of their size.`

func targets() []measure.Target {
	unpacked := int64(baseBytes + changedBytes)
	one := func(what string) string { return caseName(what, 1) }
	three := func(what string) string { return caseName(what, maxNodes) }
	return []measure.Target{
		measure.Faster(one("unchanged"), slipway, kindLoad, 10),
		measure.AtMost(one("unchanged"), slipway, layerColumn, 0),
		measure.Faster(one("changed"), slipway, kindLoad, 10),
		measure.AtMost(one("changed"), slipway, sentColumn, changedBytes*11/10),
		measure.AtMost(one("first time"), slipway, diskColumn, unpacked*11/10),
		measure.AtMost(one("changed"), slipway, diskColumn, (unpacked+changedBytes)*11/10),
		measure.Growth(slipway, three("first time"), one("first time"), 1.5).Because(sharedDisk),
		measure.Growth(slipway, three("unchanged"), one("unchanged"), 1.5),
		measure.Growth(slipway, three("changed"), one("changed"), 1.5).Because(sharedDisk),
	}
}

// version is the image before or after the change.
type version struct {
	image   node.Image
	archive string // path
	size    int64  // bytes of the archive
}

type bench struct {
	cluster       *kindnode.Cluster
	layout        string
	before, after version
	deliver       map[string]func(ctx context.Context, v version, nodes int) (sent, layers int64, err error)
}

func open(ctx context.Context, host *measure.Host) (measure.Bench, error) {
	b := &bench{layout: filepath.Join(host.Dir, "layout")}
	if err := b.makeImages(ctx, host.Dir); err != nil {
		return nil, err
	}
	var err error
	if b.cluster, err = kindnode.Open(ctx, host, maxNodes); err != nil {
		return nil, err
	}
	b.deliver = map[string]func(context.Context, version, int) (int64, int64, error){
		slipway: b.load, kindLoad: whole(b.cluster.KindLoad), ctrImport: whole(b.cluster.Import),
	}
	return b, nil
}

func (b *bench) makeImages(ctx context.Context, dir string) error {
	base := synthetic.Layer{Seed: 1, Size: baseBytes}
	for i, v := range []*version{&b.before, &b.after} {
		image, err := synthetic.New("synthetic", base, synthetic.Layer{Seed: uint64(2 + i), Size: changedBytes})
		if err != nil {
			return err
		}
		if err := synthetic.WriteLayout(ctx, b.layout, image); err != nil {
			return err
		}
		v.image = node.Image{Descriptor: image.Descriptor, Repository: "kind.local/synthetic"}
		v.archive = filepath.Join(dir, fmt.Sprintf("%d.tar", i))
		if v.size, err = synthetic.WriteArchive(ctx, v.archive, source.Layout(b.layout), image.Descriptor); err != nil {
			return err
		}
	}
	return nil
}

// load is slipway's way.
func (b *bench) load(ctx context.Context, v version, nodes int) (sent, layers int64, err error) {
	targets, read := b.cluster.Counted(nodes)
	loader := node.Loader{Blobs: source.Layout(b.layout)}
	result, err := loader.Load(ctx, targets, []node.Image{v.image})
	return read.Load(), result.LayerBytes, err
}

// whole is the way of a tool that hands each node the whole archive.
func whole(deliver func(ctx context.Context, archive string, nodes int) error) func(context.Context, version, int) (int64, int64, error) {
	return func(ctx context.Context, v version, nodes int) (int64, int64, error) {
		var layers int64
		for _, l := range v.image.Descriptor.Layers {
			layers += l.Size
		}
		return v.size * int64(nodes), layers * int64(nodes), deliver(ctx, v.archive, nodes)
	}
}

// Round implements measure.Bench.
func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
	for _, nodes := range nodeCounts {
		if err := b.cluster.Reset(ctx, b.before.image.Descriptor, b.after.image.Descriptor); err != nil {
			return err
		}
		empty, err := b.cluster.Disk(ctx, nodes)
		if err != nil {
			return err
		}
		for _, step := range []struct {
			what string
			v    version
		}{{"first time", b.before}, {"unchanged", b.before}, {"changed", b.after}} {
			if err := b.step(ctx, r, step.what, step.v, nodes, empty); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) step(ctx context.Context, r *measure.Round, what string, v version, nodes int, empty int64) error {
	kindnode.Quiet()
	var sent, layers int64
	s, err := r.Time(caseName(what, nodes), func() (err error) {
		sent, layers, err = b.deliver[r.Competitor](ctx, v, nodes)
		return err
	})
	if err != nil {
		return err
	}
	disk, err := b.cluster.Disk(ctx, nodes)
	s.Count(sentColumn.Name, sent)
	s.Count(layerColumn.Name, layers)
	s.Count(diskColumn.Name, (disk-empty)/int64(nodes))
	return err
}

// Close implements measure.Bench.
func (b *bench) Close(ctx context.Context) error { return b.cluster.Close(ctx) }
