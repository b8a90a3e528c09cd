// Package growth measures how a delivery into kind grows: with the number of images, of nodes, and with the size of a layer.
package growth

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubernaut/kubernaut/test/bench/kindnode"
	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	slipway  = "slipway"
	kindLoad = "kind load"

	mega      = 1_000_000
	baseBytes = 20 * mega // of the layer that all images of a case share
	ownBytes  = 2 * mega  // of each image's own
	maxNodes  = 3
	maxMemory = 64 << 20
)

// What is counted.
var (
	layerColumn  = measure.Column{Name: "layer bytes", Unit: measure.Bytes}
	memoryColumn = measure.Column{Name: "memory", Unit: measure.Bytes}
)

// delivery is one case.
type delivery struct {
	name   string
	images int   // with a layer in common and one of their own each; 0: one image of one layer
	layer  int64 // bytes of that layer
	nodes  int
	again  bool // the same a second time is a case as well
}

func deliveries() []delivery {
	var all []delivery
	for _, nodes := range []int{1, maxNodes} {
		for _, images := range []int{1, 10, 50} {
			all = append(all, delivery{name: imagesCase(images, nodes), images: images, nodes: nodes, again: images == 50})
		}
	}
	for _, size := range []int64{1, 10, 100, 1000} {
		all = append(all, delivery{name: layerCase(size), layer: size * mega, nodes: 1})
	}
	return all
}

func imagesCase(images, nodes int) string {
	plural := func(n int, noun string) string {
		if n != 1 {
			noun += "s"
		}
		return fmt.Sprintf("%d %s", n, noun)
	}
	return plural(images, "image") + ", " + plural(nodes, "node")
}

func layerCase(megabytes int64) string { return fmt.Sprintf("a layer of %d MB, 1 node", megabytes) }

func unchanged(name string) string { return name + ", unchanged" }

// Suite is the comparison.
func Suite() measure.Suite {
	s := measure.Suite{
		Name: "growth", Title: "Growth of a delivery into kind", About: about, Competitors: []string{slipway, kindLoad},
		Columns: []measure.Column{layerColumn, memoryColumn}, Targets: targets(), Open: open,
	}
	for _, d := range deliveries() {
		s.Cases = append(s.Cases, d.name)
		if d.again {
			s.Cases = append(s.Cases, unchanged(d.name))
		}
	}
	return s
}

const about = `Images that share a layer of 20 MB and have one of 2 MB each, in one delivery, into nodes that have nothing of them; and single
layers of 1 MB to 1 GB. ` + "`kind load image-archive`" + ` gets one archive of all images of the case, ready on disk. slipway's layers are generated
while it reads them, so that no case needs a disk beside the node's. *Memory* is by how much slipway's process grew at its peak, the
generator's buffers included; the engine's client and the node are other processes.`

func targets() []measure.Target {
	all := []measure.Target{
		measure.AtMost(unchanged(imagesCase(50, 1)), slipway, layerColumn, 0),
		measure.AtMost(unchanged(imagesCase(50, maxNodes)), slipway, layerColumn, 0),
		measure.AtMost(imagesCase(50, 1), slipway, layerColumn, (baseBytes+50*ownBytes)*11/10),
		measure.Growth(slipway, layerCase(1000), layerCase(100), 11),
		measure.Growth(slipway, imagesCase(50, 1), imagesCase(10, 1), 5),
	}
	for _, d := range deliveries() {
		all = append(all, measure.AtMost(d.name, slipway, memoryColumn, maxMemory))
	}
	return all
}

// prepared is a case with its images and their archive.
type prepared struct {
	delivery
	images  []synthetic.Image
	archive string // path
}

type bench struct {
	cluster    *kindnode.Cluster
	deliveries []prepared
}

func open(ctx context.Context, host *measure.Host) (measure.Bench, error) {
	b := &bench{}
	for _, d := range deliveries() {
		p, err := d.prepare(ctx, host.Dir)
		if err != nil {
			return nil, err
		}
		b.deliveries = append(b.deliveries, p)
	}
	var err error
	b.cluster, err = kindnode.Open(ctx, host, maxNodes)
	return b, err
}

// prepare makes the images and, unless another number of nodes has it already, their archive.
func (d delivery) prepare(ctx context.Context, dir string) (prepared, error) {
	p := prepared{delivery: d, archive: filepath.Join(dir, fmt.Sprintf("%d-%d.tar", d.images, d.layer))}
	var err error
	if p.images, err = d.make(); err != nil {
		return p, err
	}
	if _, err := os.Stat(p.archive); err == nil {
		return p, nil
	}
	_, err = synthetic.WriteArchive(ctx, p.archive, synthetic.Blobs(p.images...), descriptors(p.images)...)
	return p, err
}

func (d delivery) make() ([]synthetic.Image, error) {
	if d.images == 0 {
		image, err := synthetic.New("synthetic", synthetic.Layer{Seed: uint64(d.layer), Size: d.layer})
		return []synthetic.Image{image}, err
	}
	var images []synthetic.Image
	for i := range d.images {
		own := synthetic.Layer{Seed: uint64(2 + i), Size: ownBytes}
		image, err := synthetic.New(fmt.Sprintf("synthetic-%d", i), synthetic.Layer{Seed: 1, Size: baseBytes}, own)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

func descriptors(images []synthetic.Image) []plan.Descriptor {
	var all []plan.Descriptor
	for _, image := range images {
		all = append(all, image.Descriptor)
	}
	return all
}

// Round implements measure.Bench.
func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
	deliver := map[string]func(context.Context, *measure.Round, string, prepared) error{slipway: b.load, kindLoad: b.kindLoad}[competitor]
	for _, p := range b.deliveries {
		if err := b.cluster.Reset(ctx, descriptors(p.images)...); err != nil {
			return err
		}
		if err := deliver(ctx, r, p.name, p); err != nil {
			return err
		}
		if p.again && competitor == slipway {
			if err := deliver(ctx, r, unchanged(p.name), p); err != nil {
				return err
			}
		}
	}
	return b.cluster.Reset(ctx)
}

func (b *bench) load(ctx context.Context, r *measure.Round, name string, p prepared) error {
	var images []node.Image
	for _, image := range p.images {
		images = append(images, node.Image{Descriptor: image.Descriptor, Repository: "kind.local/" + image.Descriptor.Name})
	}
	var result node.Result
	var sample *measure.Sample
	memory, err := measure.PeakMemory(func() (err error) {
		sample, err = r.Time(name, func() (err error) {
			loader := node.Loader{Blobs: synthetic.Blobs(p.images...)}
			result, err = loader.Load(ctx, b.cluster.Nodes(p.nodes), images)
			return err
		})
		return err
	})
	if err != nil {
		return err
	}
	sample.Count(memoryColumn.Name, memory)
	sample.Count(layerColumn.Name, result.LayerBytes)
	return nil
}

func (b *bench) kindLoad(ctx context.Context, r *measure.Round, name string, p prepared) error {
	var layers int64
	seen := map[string]bool{}
	for _, image := range p.images {
		for _, l := range image.Descriptor.Layers {
			if !seen[l.Digest] {
				seen[l.Digest] = true
				layers += l.Size
			}
		}
	}
	sample, err := r.Time(name, func() error { return b.cluster.KindLoad(ctx, p.archive, p.nodes) })
	sample.Count(layerColumn.Name, layers*int64(p.nodes))
	return err
}

// Close implements measure.Bench.
func (b *bench) Close(ctx context.Context) error { return b.cluster.Close(ctx) }
