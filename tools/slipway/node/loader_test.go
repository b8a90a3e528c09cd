package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// base is larger than what the stream holds in memory.
var base = strings.Repeat("base layer ", 400_000)

// sentLayers are the beginnings of the layers that came.
func sentLayers(n *fakeNode, blobs source.Memory) []string {
	var texts []string
	for _, digest := range n.stored {
		if data, ok := blobs[digest]; ok {
			texts = append(texts, strings.TrimSpace(string(data[:min(len(data), 11)])))
		}
	}
	return texts
}

// unpack gives a node the first layers of an image, as they are under another image's record.
func unpack(n *fakeNode, image Image, layers int, content bool) {
	parent := ""
	for i, chain := range chainIDs(image.Descriptor.DiffIDs)[:layers] {
		held := chain
		if content {
			held = image.Descriptor.Layers[i].Digest
			n.content[held] = []byte(base)
		} else {
			n.snapshots[chain] = parent
		}
		n.leases["pull"][held], parent = true, chain
	}
}

func TestLoadSendsWhatIsMissing(t *testing.T) {
	tests := []struct {
		name    string
		archive bool
		prepare func(a, b *fakeNode, image Image)
		sentA   []string
		sentB   []string
		sent    int
		present int
	}{
		{"empty nodes", false, func(a, b *fakeNode, image Image) {}, []string{"base layer", "binary"}, []string{"base layer", "binary"}, 4, 0},
		{"base only as a snapshot", false, func(a, b *fakeNode, image Image) {
			unpack(a, image, 1, false)
			unpack(b, image, 1, false)
		}, []string{"binary"}, []string{"binary"}, 2, 2},
		{"base only as content", false, func(a, b *fakeNode, image Image) {
			unpack(a, image, 1, true)
			unpack(b, image, 1, true)
		}, []string{"binary"}, []string{"binary"}, 2, 2},
		{"base on one of two nodes", false, func(a, b *fakeNode, image Image) { unpack(a, image, 1, false) },
			[]string{"binary"}, []string{"base layer", "binary"}, 3, 1},
		{"all layers, no record", false, func(a, b *fakeNode, image Image) {
			unpack(a, image, 2, false)
			unpack(b, image, 2, false)
		}, nil, nil, 0, 4},
		{"a whole archive", true, func(a, b *fakeNode, image Image) { unpack(a, image, 2, false) },
			[]string{"base layer", "binary"}, []string{"base layer", "binary"}, 4, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			blobs := source.Memory{}
			image := fakeImage(t, blobs, "gateway", base, "binary")
			a, b := newFakeNode("a"), newFakeNode("b")
			test.prepare(a, b, image)
			loader := &Loader{Blobs: blobs, Archive: test.archive}
			result, err := loader.Load(t.Context(), []cluster.Node{a, b}, []Image{image})
			if err != nil {
				t.Fatal(err)
			}
			got := [][]string{sentLayers(a, blobs), sentLayers(b, blobs)}
			if diff := cmp.Diff([][]string{test.sentA, test.sentB}, got); diff != "" {
				t.Errorf("layers sent (-want +got):\n%s", diff)
			}
			if result.LayersSent != test.sent || result.LayersPresent != test.present {
				t.Errorf("sent %d, present %d; want %d, %d", result.LayersSent, result.LayersPresent, test.sent, test.present)
			}
			if result.BytesSent != result.BytesPerNode["a"]+result.BytesPerNode["b"] || result.BytesSent < result.LayerBytes {
				t.Errorf("bytes do not add up: %+v", result)
			}
			for _, n := range []*fakeNode{a, b} {
				if !n.has(image) || len(n.rest()) != 0 {
					t.Errorf("node %s lacks the image, or has more: %q", n.name, n.rest())
				}
				if _, kept := n.content[image.Descriptor.Layers[1].Digest]; kept != test.archive {
					t.Errorf("content of the unpacked layer kept in %s: %t", n.name, kept)
				}
			}
		})
	}
}

func TestLoadOfPresentImagesAsksOnce(t *testing.T) {
	blobs := source.Memory{}
	images := []Image{fakeImage(t, blobs, "gateway", base, "binary"), fakeImage(t, blobs, "datastorage", base, "other")}
	a := newFakeNode("a")
	loader := &Loader{Blobs: blobs}
	first, err := loader.Load(t.Context(), []cluster.Node{a}, images)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(len(base) + len("binary") + len("other")); first.LayerBytes != want {
		t.Errorf("layer bytes of two images with one base = %d, want %d", first.LayerBytes, want)
	}
	if got, want := sentLayers(a, blobs), []string{"base layer", "binary", "other"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
	a.take()
	second, err := (&Loader{Blobs: source.Memory{}}).Load(t.Context(), []cluster.Node{a}, images)
	if err != nil {
		t.Fatal(err)
	}
	want := Result{BytesPerNode: map[string]int64{"a": 0}, LayersPresent: 3, References: map[string]string{
		"gateway": images[0].Reference(), "datastorage": images[1].Reference()}}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("second load (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"images list", "content list", "snapshots list"}, a.take()); diff != "" {
		t.Errorf("requests of the second load (-want +got):\n%s", diff)
	}
}

func TestLoadCleansFailedNode(t *testing.T) {
	tests := []struct {
		name string
		set  func(*fakeNode)
		want string
	}{
		{"no room for content", func(n *fakeNode) { n.fullAfter = 1000 }, "no space left on device"},
		{"no room for the end of it", func(n *fakeNode) { n.fullAfter = int64(len(base)) }, "no space left on device"},
		{"no room for snapshots", func(n *fakeNode) { n.noUnpack = true }, "no space left on device"},
		{"other files", func(n *fakeNode) { n.wrong = true }, "its image's configuration has sha256:"},
	}
	for _, test := range tests {
		for _, names := range [][]string{{"bad"}, {"good", "bad"}, {"bad", "good"}} {
			t.Run(test.name+" in "+strings.Join(names, ","), func(t *testing.T) {
				blobs := source.Memory{}
				image := fakeImage(t, blobs, "gateway", base, "binary")
				nodes := map[string]*fakeNode{"good": newFakeNode("good"), "bad": newFakeNode("bad")}
				test.set(nodes["bad"])
				nodes["bad"].records["kind.local/other@sha256:1"] = &images.Image{Name: "kind.local/other@sha256:1", Target: &types.Descriptor{}}
				var list []cluster.Node
				for _, name := range names {
					list = append(list, nodes[name])
				}
				_, err := (&Loader{Blobs: blobs}).Load(t.Context(), list, []Image{image})
				if err == nil || !strings.Contains(err.Error(), `node "bad"`) || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("error %v, want one of node bad with %q", err, test.want)
				}
				bad := nodes["bad"]
				if len(bad.records) != 1 || len(bad.content) != 0 || len(bad.snapshots) != 0 || len(bad.rest()) != 0 {
					t.Errorf("the failed node keeps %d records, %d blobs, %d layers, %q", len(bad.records), len(bad.content), len(bad.snapshots), bad.rest())
				}
				if len(names) == 2 && (!nodes["good"].has(image) || len(nodes["good"].rest()) != 0) {
					t.Error("the other node lacks the image")
				}
			})
		}
	}
}

func TestLoadStopsOnCorruptBlob(t *testing.T) {
	blobs := source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	good := blobs[image.Descriptor.Layers[0].Digest]
	blobs[image.Descriptor.Layers[0].Digest] = []byte("B" + base[1:])
	a, b := newFakeNode("a"), newFakeNode("b")
	_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a, b}, []Image{image})
	var corrupt *source.CorruptError
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), image.Descriptor.Label) {
		t.Fatalf("error %v, want a corrupt blob of %s", err, image.Descriptor.Label)
	}
	if count := strings.Count(err.Error(), "corrupt"); count != 1 {
		t.Errorf("the cause is reported %d times: %v", count, err)
	}
	for _, n := range []*fakeNode{a, b} {
		if len(n.records)+len(n.content)+len(n.snapshots)+len(n.rest()) != 0 {
			t.Errorf("node %s keeps something: %q", n.name, n.rest())
		}
	}
	blobs[image.Descriptor.Layers[0].Digest] = good
	if _, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a, b}, []Image{image}); err != nil {
		t.Errorf("the next load, with the source repaired: %v", err)
	}
}

// A cache with wrong bytes costs an attempt, not the delivery.
func TestLoadTakesAnotherSource(t *testing.T) {
	blobs, wrong := source.Memory{}, source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	for _, layer := range image.Descriptor.Layers {
		wrong[layer.Digest] = bytes.Repeat([]byte("X"), int(layer.Size))
	}
	chain := &source.Chain{Sources: []source.Named{{Name: "wrong", Blobs: wrong}, {Name: "right", Blobs: blobs}}}
	a, b := newFakeNode("a"), newFakeNode("b")
	if _, err := (&Loader{Blobs: chain}).Load(t.Context(), []cluster.Node{a, b}, []Image{image}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*fakeNode{a, b} {
		if !n.has(image) {
			t.Errorf("node %s lacks the image", n.name)
		}
	}
	alone := &source.Chain{Sources: chain.Sources[:1]}
	var corrupt *source.CorruptError
	if _, err := (&Loader{Blobs: alone}).Load(t.Context(), []cluster.Node{newFakeNode("c")}, []Image{image}); !errors.As(err, &corrupt) {
		t.Errorf("got %v without another source, want a CorruptError", err)
	}
}

// cancelling ends the context when its blob is half read.
type cancelling struct {
	source.Blobs
	cancel context.CancelFunc
}

func (c cancelling) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	r, err := c.Blobs.Open(ctx, blob)
	if err != nil {
		return nil, err
	}
	half, err := io.ReadAll(io.LimitReader(r, blob.Size/2))
	rest := readerFunc(func(p []byte) (int, error) { c.cancel(); return r.Read(p) })
	return io.NopCloser(io.MultiReader(bytes.NewReader(half), rest)), err
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestLoadCancelledLeavesNoRecord(t *testing.T) {
	blobs := source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	a, b := newFakeNode("a"), newFakeNode("b")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := (&Loader{Blobs: cancelling{blobs, cancel}}).Load(ctx, []cluster.Node{a, b}, []Image{image})
	if !errors.Is(err, context.Canceled) || fault.Code(err) != fault.Interrupted {
		t.Fatalf("error %v with code %d, want a cancellation with %d", err, fault.Code(err), fault.Interrupted)
	}
	for _, n := range []*fakeNode{a, b} {
		if len(n.records)+len(n.content)+len(n.rest()) != 0 {
			t.Errorf("node %s keeps something: %q", n.name, n.rest())
		}
	}
}

// What is whole when the delivery is interrupted stays, and nothing else.
func TestLoadCancelledKeepsWholeImages(t *testing.T) {
	blobs := source.Memory{}
	list := []Image{fakeImage(t, blobs, "gateway", base, "binary"), fakeImage(t, blobs, "datastorage", base, "other")}
	a := newFakeNode("a")
	ctx, cancel := context.WithCancel(t.Context())
	a.recorded = cancel
	if _, err := (&Loader{Blobs: blobs}).Load(ctx, []cluster.Node{a}, list); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want a cancellation", err)
	}
	if !a.has(list[0]) || a.records[list[1].Reference()] != nil || len(a.snapshots) != 2 || len(a.rest()) != 0 {
		t.Errorf("the first image is whole: %t; %d layers, %q", a.has(list[0]), len(a.snapshots), a.rest())
	}
}

func TestLoadRefusesBeforeTheFirstByte(t *testing.T) {
	tests := []struct {
		name   string
		change func(n *fakeNode, image *Image)
		want   string
		code   int
	}{
		{"disk full", func(n *fakeNode, _ *Image) { n.free = 2000 }, "needed, 2.0 kB free on the disk of a", fault.Delivery},
		{"manifest of another digest", func(_ *fakeNode, i *Image) { i.Descriptor.Manifest.Data = []byte("{}") }, "has digest", fault.Usage},
		{"missing diffID", func(_ *fakeNode, i *Image) { i.Descriptor.DiffIDs = i.Descriptor.DiffIDs[1:] }, "2 layers and 1 diffIDs", fault.Usage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			blobs := source.Memory{}
			image := fakeImage(t, blobs, "gateway", base, "binary")
			a := newFakeNode("a")
			test.change(a, &image)
			_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image})
			if err == nil || !strings.Contains(err.Error(), test.want) || fault.Code(err) != test.code {
				t.Errorf("error %v with code %d, want %q with %d", err, fault.Code(err), test.want, test.code)
			}
			if len(a.stored) != 0 {
				t.Errorf("something was sent: %q", a.stored)
			}
		})
	}
}
