package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// large is a layer after which the disk is freed.
func large(name string) string {
	return strings.Repeat(fmt.Sprintf("%-11s", name), collectBytes/11+1)
}

// fleet is six images. The last has the layer of the first, on another base.
func fleet(t *testing.T, blobs source.Memory) []Image {
	images := make([]Image, 5, 6)
	for i := range images {
		images[i] = fakeImage(t, blobs, fmt.Sprint("service-", i), base, large(fmt.Sprint("binary ", i)))
	}
	return append(images, fakeImage(t, blobs, "other-base", "base of another", large("binary 0")))
}

func TestLoadFreesTheDiskMeanwhile(t *testing.T) {
	blobs := source.Memory{}
	images := fleet(t, blobs)
	empty, half := newFakeNode("empty"), newFakeNode("half")
	if _, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{half}, images[1:4]); err != nil {
		t.Fatal(err)
	}
	half.stored = nil
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
	for _, n := range []*fakeNode{empty, half} {
		// The base and the first layer are needed to the end; of the others, one is unpacked and one comes.
		if most := len(base) + 3*len(large("binary 0")); n.most > most {
			t.Errorf("node %s held %d bytes of content, want %d at most", n.name, n.most, most)
		}
		for _, image := range images {
			if !n.has(image) {
				t.Errorf("node %s lacks %s", n.name, image.Reference())
			}
			for _, layer := range image.Descriptor.Layers {
				if _, kept := n.content[layer.Digest]; kept {
					t.Errorf("node %s keeps the content of a layer of %s", n.name, image.Descriptor.Name)
				}
			}
		}
		if rest := n.rest(); len(rest) > 0 {
			t.Errorf("node %s keeps %q", n.name, rest)
		}
	}
	if got, sum := result.LayersSent, len(want["empty"])+len(want["half"]); got != sum {
		t.Errorf("%d layers counted as sent, want %d", got, sum)
	}
}

// A node that fails keeps the images that are whole; the other node is not disturbed.
func TestLoadGoesOnWithoutAFailedNode(t *testing.T) {
	blobs := source.Memory{}
	images := fleet(t, blobs)
	good, bad := newFakeNode("good"), newFakeNode("bad")
	recorded := 0
	bad.recorded = func() {
		if recorded++; recorded == 2 {
			bad.noUnpack = true
		}
	}
	_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{good, bad}, images)
	if err == nil || !strings.Contains(err.Error(), `node "bad": importing: failed to extract layer`) || strings.Contains(err.Error(), "good") {
		t.Errorf("error %v, want that of the bad node", err)
	}
	for i, image := range images {
		if !good.has(image) {
			t.Errorf("the other node lacks %s", image.Reference())
		}
		if bad.has(image) != (i < 2) || (bad.records[image.Reference()] != nil) != (i < 2) {
			t.Errorf("the failed node has %s: %t", image.Reference(), bad.has(image))
		}
	}
	if rest := bad.rest(); len(rest) > 0 {
		t.Errorf("the failed node keeps %q", rest)
	}
}

func TestLoadSaysWhatContainerdRefuses(t *testing.T) {
	blobs := source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	a := newFakeNode("a")
	a.refuse = codes.Unimplemented
	_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image})
	if want := `delivering to kind: asking node "a" for its images: refused`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

// The steps of an image follow its layers, and content goes after the last step that needs it.
func TestArrange(t *testing.T) {
	blobs := source.Memory{}
	images := []Image{fakeImage(t, blobs, "a", "1", "2"), fakeImage(t, blobs, "b", "1", "3"), fakeImage(t, blobs, "c", "4", "2")}
	var got []string
	for _, s := range newTarget(newFakeNode("n"), nil, &held{}, images, false).steps {
		line := "record"
		if s.image == nil {
			line = "unpack " + string(blobs[s.layer.Digest])
		}
		for _, layer := range s.drop {
			line += " drop " + string(blobs[layer.Digest])
		}
		got = append(got, line)
	}
	want := []string{"unpack 1 drop 1", "unpack 2", "record", "unpack 3 drop 3", "record", "unpack 4 drop 4", "unpack 2 drop 2", "record"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
