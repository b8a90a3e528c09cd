package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// large is a layer of a bit more than a third of a part.
func large(name string) string {
	return strings.Repeat(fmt.Sprintf("%-11s", name), (partBytes/3+100_000)/11)
}

// fleet is six images: three parts for an empty node. The last has the layer of the first, on another base.
func fleet(t *testing.T, blobs source.Memory) []Image {
	images := make([]Image, 5, 6)
	for i := range images {
		images[i] = fakeImage(t, blobs, fmt.Sprint("service-", i), base, large(fmt.Sprint("binary ", i)))
	}
	return append(images, fakeImage(t, blobs, "other-base", "base of another", large("binary 0")))
}

func TestLoadInParts(t *testing.T) {
	blobs := source.Memory{}
	images := fleet(t, blobs)
	empty, half := newFakeNode("empty"), newFakeNode("half")
	if _, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{half}, images[1:4]); err != nil {
		t.Fatal(err)
	}
	half.take()
	result, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{empty, half}, images)
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string][]string{"empty": sentLayers(empty, blobs), "half": sentLayers(half, blobs)}
	want := map[string][]string{
		"empty": {"base layer", "binary 0", "binary 1", "binary 2", "binary 3", "binary 4", "base of ano"},
		"half":  {"binary 0", "binary 4", "base of ano"},
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("layers sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"session", "part", "part", "import"}, empty.take()); diff != "" {
		t.Errorf("commands of the empty node (-want +got):\n%s", diff)
	}
	for _, n := range []*fakeNode{empty, half} {
		if most := partBytes + len(large("binary 0")) + len(base); n.most > most {
			t.Errorf("node %s held %d bytes of content, want %d at most", n.name, n.most, most)
		}
		for _, image := range images {
			after := listing{records: map[string]bool{}, content: map[string]bool{}, snapshots: n.snapshots}
			if !after.unpacked(image) || n.records[image.Reference()] == "" {
				t.Errorf("node %s lacks %s", n.name, image.Reference())
			}
			for _, layer := range image.Descriptor.Layers {
				if _, kept := n.content[layer.Digest]; kept {
					t.Errorf("node %s keeps the content of a layer of %s", n.name, image.Descriptor.Name)
				}
			}
		}
	}
	if got, sum := result.LayersSent, len(want["empty"])+len(want["half"]); got != sum {
		t.Errorf("%d layers counted as sent, want %d", got, sum)
	}
}

// A node that fails in a later part keeps nothing of the earlier ones; the other node is not disturbed.
func TestLoadInPartsCleansFailedNode(t *testing.T) {
	blobs := source.Memory{}
	images := fleet(t, blobs)
	good, bad := newFakeNode("good"), newFakeNode("bad")
	parts := 0
	bad.recorded = func() { parts++; bad.dieLate = parts == 2 }
	_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{good, bad}, images)
	if err == nil || !strings.Contains(err.Error(), `node "bad": importing: ctr: failed to extract layer`) {
		t.Errorf("error %v, want the import's", err)
	}
	if len(bad.records) > 0 {
		t.Errorf("the failed node keeps the records %v", bad.records)
	}
	if got := good.take(); !slices.Equal(got, []string{"session", "part", "part", "import"}) {
		t.Errorf("commands of the other node: %q", got)
	}
	for _, image := range images {
		if good.records[image.Reference()] == "" {
			t.Errorf("the other node lacks %s", image.Reference())
		}
	}
}

func TestArchiveHasItsAnnouncedSize(t *testing.T) {
	blobs := source.Memory{}
	images := fleet(t, blobs)
	node := newFakeNode("a")
	result, err := (&Loader{Blobs: blobs, Archive: true}).Load(t.Context(), []cluster.Node{node}, images)
	if err != nil { // the node refuses an archive of another size
		t.Fatal(err)
	}
	alone := &target{images: images, layers: map[string]bool{}}
	for digest := range blobs {
		alone.layers[digest] = true
	}
	if err := arrange([]*target{alone}, images, true); err != nil {
		t.Fatal(err)
	}
	p := &alone.parts[0]
	if want := p.size + int64(len(p.command())); result.BytesSent != want {
		t.Errorf("%d bytes were sent, %d announced", result.BytesSent, want)
	}
}
