package node

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func TestLoadOnceMoreAfterARestart(t *testing.T) {
	tests := []struct {
		restarts int
		want     string // in the error; "" for none
	}{
		{1, ""},
		{2, `node "bad": restarted while it took the images: importing: `},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.restarts), func(t *testing.T) {
			blobs := source.Memory{}
			image := fakeImage(t, blobs, "gateway", base, "binary")
			good, bad := newFakeNode("good"), newFakeNode("bad")
			bad.restarts = test.restarts
			result, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{good, bad}, []Image{image})
			if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if bad.has(image) != (test.want == "") || len(bad.rest()) != 0 {
				t.Errorf("the restarted node has the image: %t; rest %q", bad.has(image), bad.rest())
			}
			if lists := count(good.take(), "images list"); lists != 1 || !good.has(image) {
				t.Errorf("the other node was asked %d times", lists)
			}
			if result.LayersPresent != 0 || result.BytesPerNode["bad"] <= result.BytesPerNode["good"] && test.want == "" {
				t.Errorf("both attempts' bytes must count: %+v", result)
			}
		})
	}
}

func count(lines []string, want string) int {
	n := 0
	for _, line := range lines {
		if line == want {
			n++
		}
	}
	return n
}

func TestLoadDropsWhatAnotherWayLeft(t *testing.T) {
	blobs := source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	a := newFakeNode("a")
	if _, err := (&Loader{Blobs: blobs, Archive: true}).Load(t.Context(), []cluster.Node{a}, []Image{image}); err != nil {
		t.Fatal(err)
	}
	a.take()
	asks := []string{"images list", "content list", "snapshots list"}
	for _, want := range [][]string{append(slices.Clip(asks), "content delete", "leases create", "leases delete"), asks} {
		if _, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, a.take()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		for _, layer := range image.Descriptor.Layers {
			if _, ok := a.content[layer.Digest]; ok {
				t.Errorf("the content of %s is still there", layer.Digest)
			}
		}
	}
	if !a.has(image) {
		t.Error("the image is gone")
	}
}

// Somebody has removed the record, and something else still refers to all that belongs to it.
func TestLoadRecordsAnew(t *testing.T) {
	blobs := source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	a := newFakeNode("a")
	load := func() Result {
		result, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	load()
	for digest := range a.content {
		a.leases["pull"][digest] = true
	}
	clear(a.records)
	clear(a.labels)
	if again := load(); again.LayersSent != 0 || again.BytesSent != 0 {
		t.Errorf("got %+v, want nothing sent", again)
	}
	clear(a.leases["pull"])
	a.sweep()
	if !a.has(image) {
		t.Error("the image's parts are not referred to")
	}
}

// A delivery that was killed leaves its lease, and the next one removes it with what is under it.
func TestLoadRemovesWhatAKilledOneLeft(t *testing.T) {
	blobs := source.Memory{}
	image := fakeImage(t, blobs, "gateway", base, "binary")
	a := newFakeNode("a")
	a.leases["slipway-killed"] = map[string]bool{"slipway-killed/sha256:1": true, "sha256:2": true}
	a.ingests["slipway-killed/sha256:1"], a.content["sha256:2"] = "slipway-killed", []byte("x")
	if _, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image}); err != nil {
		t.Fatal(err)
	}
	if !a.has(image) || len(a.rest()) != 0 || a.content["sha256:2"] != nil {
		t.Errorf("left: %q", a.rest())
	}
}

// The clock runs at once to the next deadline when everything waits.
func TestLoadGivesSilentNodesUp(t *testing.T) {
	tests := []struct {
		name string
		set  func(*fakeNode)
		want string
	}{
		{"takes nothing", func(n *fakeNode) { n.stalls = true }, `node "a": importing: the node took no data for 60 s`},
		{"does not unpack", func(n *fakeNode) { n.hangs = true }, `node "a": importing: the node does not answer for 5m0s`},
		{"does not take note", func(n *fakeNode) { n.unknown = true }, `: the node does not answer for 30s`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blobs := source.Memory{}
				image := fakeImage(t, blobs, "gateway", base, "binary")
				a := newFakeNode("a")
				test.set(a)
				_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if got := fault.Hints(err); !slices.Equal(got, []string{"--fresh"}) {
					t.Errorf("hints %q, want another cluster", got)
				}
				a.stop()
			})
		})
	}
}

const (
	promised   = 64 << 20 // bytes of memory that a delivery takes, at most
	largeLayer = 1 << 30
	// zeros is the digest of so many of them: head -c 1G /dev/zero | sha256sum
	zeros = "sha256:49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14"
)

func TestLoadHoldsNoLayerInMemory(t *testing.T) {
	blobs := &endless{}
	blob := plan.Blob{MediaType: "application/vnd.oci.image.layer.v1.tar", Digest: zeros, Size: largeLayer}
	image := fakeImage(t, source.Memory{}, "large", "x")
	image.Descriptor.Layers = []plan.Blob{blob}
	fast, slow := newFakeNode("fast"), newFakeNode("slow")
	fast.throw = func() bool { return true }
	slow.throw = func() bool { time.Sleep(200 * time.Microsecond); return true }
	image.Descriptor.DiffIDs = []string{unpackedDigest(nil)}
	image.Descriptor.Config = fakeJSON(t, "application/vnd.oci.image.config.v1+json", image.Descriptor.DiffIDs)
	image.Descriptor.Manifest = fakeJSON(t, "application/vnd.oci.image.manifest.v1+json", fakeManifest{image.Descriptor.Config.Blob, image.Descriptor.Layers})
	nodes := []cluster.Node{fast, slow}
	debug.FreeOSMemory()
	before := memory()
	result, err := (&Loader{Blobs: blobs}).Load(t.Context(), nodes, []Image{image})
	if err != nil {
		t.Fatal(err)
	}
	if result.LayerBytes != 2*largeLayer || blobs.opened != 1 {
		t.Errorf("%d bytes of layers were sent, from %d readings; want %d from 1", result.LayerBytes, blobs.opened, 2*largeLayer)
	}
	if used := blobs.peak - before; used > promised {
		t.Errorf("the delivery took %d bytes of memory, want %d at most", used, promised)
	} else {
		t.Logf("%d bytes of memory at most", used)
	}
}

// memory is what the process holds of the machine's memory, in bytes.
func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// endless opens layers of zeros and looks at the memory while they are read. Only one reader may be open.
type endless struct {
	opened int
	peak   int64
	reads  int
}

func (e *endless) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	e.opened++
	return source.Verify(io.NopCloser(io.LimitReader(e, blob.Size)), blob), nil
}

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	if e.reads++; e.reads%64 == 0 {
		e.peak = max(e.peak, memory())
	}
	return len(p), nil
}
