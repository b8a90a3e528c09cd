// Package compression measures what a layer's compression costs and saves on both routes into a node: through a registry, and
// streamed by slipway. What follows from it is in conclusion, and tools/oci makes layers accordingly.
package compression

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kubernaut/kubernaut/test/bench/kindnode"
	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// service is one of middling size.
const service = "_main/services/remediationorchestrator/image"

const build = "build: compress, hash, write"

// What is counted.
var (
	storedColumn = measure.Column{Name: "stored", Unit: measure.Bytes}
	wireColumn   = measure.Column{Name: "over the link", Unit: measure.Bytes}
	diskColumn   = measure.Column{Name: "disk of the node", Unit: measure.Bytes}
)

func nodeCase(l link) string { return "streamed, " + l.name }
func pushCase(l link) string { return "registry, push, " + l.name }
func pullCase(l link) string { return "registry, pull, " + l.name }

// Suite is the comparison.
func Suite() measure.Suite {
	s := measure.Suite{
		Name: "compression", Title: "Compression of layers", About: about, Cases: []string{build},
		Columns: []measure.Column{storedColumn, wireColumn, diskColumn}, Open: open, Conclusion: conclusion,
	}
	for _, m := range methods() {
		s.Competitors = append(s.Competitors, m.name)
	}
	for _, name := range []func(link) string{nodeCase, pushCase, pullCase} {
		for _, l := range links() {
			s.Cases = append(s.Cases, name(l))
		}
	}
	return s
}

const about = `The image of remediationorchestrator, base and binary, with its layers compressed in one thread each way, into a node that has
nothing of it. "Streamed": slipway reads the layers from a cache behind the link and streams them into the node. "Registry": slipway
pushes them over the link to an empty registry in memory, and the node pulls them over the link (` + "`ctr images pull`" + `). The link is
simulated: readers and writers wait so that no more bytes pass than its rate, without latency or loss. *Stored* is what a cache
or a registry keeps; *disk of the node* is by how much its containerd folder has grown, without the content of unpacked layers.
× is the time compared with no compression.`

const conclusion = `Layers are made by zstd at level 1 (tools/oci/layer). Against no compression it stores and moves a third of the bytes; streaming,
pushing and pulling are faster on every link, loopback included, and the slower the link the more. The build pays for it: what it
adds there is about what one delivery to one node over loopback saves, so a developer's loop over one changed service gains nothing. A layer
from a cache is compressed once and delivered many times, to several nodes, over links: that is the case that decides. Level 3 saves a
further sixteenth of the bytes for more time in the build than it saves on any link here; gzip is larger and slower to make than
zstd 1. The node's disk is the same: the content of unpacked layers is dropped. The price: Docker before 23 cannot pull such a layer;
containerd from 1.5, Podman and CRI-O can.`

type bench struct {
	cluster  *kindnode.Cluster
	original plan.Descriptor // with plain layers
	layers   source.Blobs
	dir      string
	made     int // variants so far
}

func open(ctx context.Context, host *measure.Host) (measure.Bench, error) {
	layout, err := host.File(service)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(layout + ".descriptor.json") // the two are outputs of one package
	if err != nil {
		return nil, fmt.Errorf("reading descriptor: %w", err)
	}
	built, err := plan.DecodeDescriptor(service, data)
	if err != nil {
		return nil, err
	}
	plain := filepath.Join(host.Dir, "plain")
	b := &bench{layers: source.Layout(plain), dir: host.Dir}
	if b.original, err = unpack(ctx, built, source.Layout(layout), plain); err != nil {
		return nil, err
	}
	b.cluster, err = kindnode.Open(ctx, host, 1)
	return b, err
}

// Close implements measure.Bench.
func (b *bench) Close(ctx context.Context) error { return b.cluster.Close(ctx) }

// Round implements measure.Bench.
func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
	v, err := b.variant(ctx, competitor)
	if err != nil {
		return err
	}
	defer os.RemoveAll(v.layout)
	r.Add(build, v.took).Count(storedColumn.Name, v.size)
	for _, l := range links() {
		if err := errors.Join(b.stream(ctx, r, v, l), b.registry(ctx, r, v, l)); err != nil {
			return err
		}
	}
	return b.cluster.Reset(ctx, v.descriptor)
}

func (b *bench) variant(ctx context.Context, name string) (variant, error) {
	kindnode.Quiet()
	b.made++
	for _, m := range methods() {
		if m.name == name {
			return m.compress(ctx, b.original, b.layers, filepath.Join(b.dir, fmt.Sprint(b.made)))
		}
	}
	return variant{}, fmt.Errorf("no compression is called %q", name)
}

// empty makes the node as it was and returns its disk use.
func (b *bench) empty(ctx context.Context, v variant) (int64, error) {
	if err := b.cluster.Reset(ctx, v.descriptor); err != nil {
		return 0, err
	}
	return b.cluster.Disk(ctx, 1)
}

func (b *bench) stream(ctx context.Context, r *measure.Round, v variant, l link) error {
	before, err := b.empty(ctx, v)
	if err != nil {
		return err
	}
	loader := node.Loader{Blobs: distant{source.Layout(v.layout), &pace{rate: l.rate}}}
	var result node.Result
	s, err := r.Time(nodeCase(l), func() (err error) {
		result, err = loader.Load(ctx, b.cluster.Nodes(1), []node.Image{{Descriptor: v.descriptor, Repository: "kind.local/bench"}})
		return err
	})
	s.Count(wireColumn.Name, result.LayerBytes)
	return errors.Join(err, b.disk(ctx, s, before))
}

func (b *bench) disk(ctx context.Context, s *measure.Sample, before int64) error {
	after, err := b.cluster.Disk(ctx, 1)
	s.Count(diskColumn.Name, after-before)
	return err
}

func (b *bench) registry(ctx context.Context, r *measure.Round, v variant, l link) error {
	before, err := b.empty(ctx, v)
	if err != nil {
		return err
	}
	remote, err := startRegistry(ctx, b.cluster, l)
	if err != nil {
		return err
	}
	defer remote.close()
	image := registry.Image{Descriptor: v.descriptor, Repository: remote.host + "/bench"}
	if err := b.push(ctx, r, v, l, image); err != nil {
		return err
	}
	n := b.cluster.Nodes(1)[0]
	s, err := r.Time(pullCase(l), func() error { return pull(ctx, n, image.Reference()) })
	if err != nil {
		return err
	}
	s.Count(wireColumn.Name, v.size)
	return errors.Join(drop(ctx, n, v), b.disk(ctx, s, before), forget(ctx, n, remote.host))
}

func (b *bench) push(ctx context.Context, r *measure.Round, v variant, l link, image registry.Image) error {
	pusher := registry.Pusher{Blobs: source.Layout(v.layout), Progress: progress.Discard(), Backoff: time.Second}
	var result registry.Result
	s, err := r.Time(pushCase(l), func() (err error) {
		result, err = pusher.Push(ctx, []registry.Image{image})
		return err
	})
	s.Count(wireColumn.Name, result.BytesSent)
	s.Count(storedColumn.Name, v.size)
	return err
}
