// Package push measures bringing ten images to a registry: slipway in one process, and crane
// (https://github.com/google/go-containerregistry/tree/main/cmd/crane) as scripts use it, one process for each image.
//
// The registry runs in this process, on loopback, and counts what it is asked and sent; it holds blobs per repository, can
// mount them, and wants tokens. It is measured twice, with answers at once and with 20 ms before each answer, which stands
// for the way to a hosted registry; bandwidth is not limited in either. Images have the layer sizes of this project's ten and
// made-up bytes: one base layer that all of them share, and one binary layer each.
//
// A case counts only if every tag points to its image afterwards.
package push

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kubernaut/kubernaut/test/bench/measure"
)

// Competitors.
const (
	ours     = "slipway push"
	inTurn   = "crane, one after the other"
	atOnce   = "crane, all at once"
	distance = 20 * time.Millisecond
)

// Cases in the order in which a competitor does them; each has a far twin.
const (
	first     = "first push"
	unchanged = "unchanged"
	newTag    = "unchanged, another tag"
	one       = "one image changed"
)

func far(name string) string { return name + ", 20 ms away" }

// What the registry counts.
var (
	requests   = measure.Column{Name: "requests"}
	tokens     = measure.Column{Name: "of these for tokens"}
	layerBytes = measure.Column{Name: "layer bytes", Unit: measure.Bytes}
	allBytes   = measure.Column{Name: "bytes in and out", Unit: measure.Bytes}
)

// few are the bytes that may come on top of a changed layer: its archive's headers, manifests, tokens.
const few = 100_000

// Suite returns the comparison.
func Suite() measure.Suite {
	near := []string{first, unchanged, newTag, one}
	var cases []string
	for _, name := range near {
		cases = append(cases, name, far(name))
	}
	return measure.Suite{
		Name: "push", Title: "Pushing ten images",
		About: "`slipway push` sends all images in one process, that of `//services:push`. `crane push` is one process for each image, one after the other " +
			"or all at once. Requests and bytes are counted by the registry, which runs on loopback, wants tokens and can mount " +
			"blobs across repositories; token requests and retries are counted too. \"20 ms away\" is the same registry " +
			"with 20 ms before each answer. One changed image is a new binary layer of 9.6 MB; the base layer stays.",
		Competitors: []string{ours, inTurn, atOnce},
		Cases:       cases,
		Columns:     []measure.Column{requests, tokens, layerBytes, allBytes},
		Targets:     targets(),
		Open:        open,
	}
}

func targets() []measure.Target {
	layer := binarySizes[changed]
	return []measure.Target{
		measure.AtMost(unchanged, ours, requests, 15),
		measure.AtMost(unchanged, ours, layerBytes, 0),
		measure.AtMost(unchanged, ours, allBytes, few),
		measure.Faster(unchanged, ours, inTurn, 5),
		measure.Faster(far(unchanged), ours, inTurn, 5),
		measure.AtMost(one, ours, layerBytes, layer+few),
		measure.AtMost(one, ours, allBytes, layer+few),
	}
}

type bench struct {
	tool          tool
	before, after fleet // after has another binary of one service
}

func open(ctx context.Context, host *measure.Host) (measure.Bench, error) {
	slipway, err := host.File("_main/tools/slipway/push/push_/push")
	if err != nil {
		return nil, err
	}
	crane, err := host.File("_main/test/bench/crane/crane_/crane")
	if err != nil {
		return nil, err
	}
	return prepare(ctx, host.Dir, tool{slipway: slipway, crane: crane, home: filepath.Join(host.Dir, "home")}, binarySizes)
}

func prepare(ctx context.Context, dir string, t tool, sizes map[string]int64) (*bench, error) {
	b := &bench{tool: t}
	if err := os.MkdirAll(t.home, 0o700); err != nil {
		return nil, err
	}
	var err error
	if b.before, err = writeFleet(ctx, filepath.Join(dir, "before"), sizes, ""); err != nil {
		return nil, err
	}
	b.after, err = writeFleet(ctx, filepath.Join(dir, "after"), sizes, changed)
	return b, err
}

func (b *bench) Close(context.Context) error { return nil }

func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
	push := map[string]push{ours: b.tool.together, inTurn: b.tool.inTurn, atOnce: b.tool.atOnce}[competitor]
	if err := b.scene(ctx, push, r, 0, func(name string) string { return name }); err != nil {
		return err
	}
	return b.scene(ctx, push, r, distance, far)
}

// scene does all cases with an empty registry at the start.
func (b *bench) scene(ctx context.Context, push push, r *measure.Round, latency time.Duration, name func(string) string) error {
	runtime.GC() // the last registry's blobs
	registry, err := newUpstream(latency, layers(b.before, b.after))
	if err != nil {
		return err
	}
	defer registry.Close()
	if err := b.tool.login(registry.Host); err != nil {
		return err
	}
	for _, step := range []struct {
		name, tag string
		fleet     fleet
	}{{first, "a", b.before}, {unchanged, "a", b.before}, {newTag, "b", b.before}, {one, "b", b.after}} {
		sample, err := r.Time(name(step.name), func() error { return push(ctx, step.fleet, registry.Host, step.tag) })
		if err != nil {
			return err
		}
		t := registry.Traffic()
		sample.Count(requests.Name, t.requests)
		sample.Count(tokens.Name, t.tokens)
		sample.Count(layerBytes.Name, t.layerBytes)
		sample.Count(allBytes.Name, t.bytes)
		if err := arrived(ctx, registry, step.fleet, step.tag); err != nil {
			return fmt.Errorf("%s: %w", name(step.name), err)
		}
	}
	return nil
}

// arrived holds the registry's tags against the fleet.
func arrived(ctx context.Context, registry *upstream, f fleet, tag string) error {
	for service, d := range f.images {
		if got, want := registry.Digest(ctx, "bench/"+service, tag), d.Manifest.Digest; got != want {
			return fmt.Errorf("the tag %q of image %q points to %q instead of %q", tag, service, got, want)
		}
	}
	return nil
}
