package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		{2, `node "bad": restarted while it took the images: importing: exit status 137`},
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
			if _, ok := bad.records[image.Reference()]; ok != (test.want == "") {
				t.Errorf("the restarted node has the image: %t", ok)
			}
			if got := slices.Collect(maps.Keys(bad.leases)); !slices.Equal(got, []string{"pull"}) {
				t.Errorf("leases left: %q", got)
			}
			if sessions := count(good.take(), "session"); sessions != 1 {
				t.Errorf("the other node was asked %d times", sessions)
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
	for _, want := range []int{2, 1} { // the session and what it is told; then the session alone
		if _, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{a}, []Image{image}); err != nil {
			t.Fatal(err)
		}
		if got := a.take(); len(got) != want {
			t.Errorf("commands: %q, want %d", got, want)
		}
		for _, layer := range image.Descriptor.Layers {
			if _, ok := a.content[layer.Digest]; ok {
				t.Errorf("the content of %s is still there", layer.Digest)
			}
		}
	}
}

// The clock runs at once to the next deadline when everything waits.
func TestLoadGivesSilentNodesUp(t *testing.T) {
	tests := []struct {
		name string
		node func(*fakeNode) cluster.Node
		want string
	}{
		{"says nothing", func(n *fakeNode) cluster.Node { n.mute = true; return n }, `asking node "a" for its images: the node does not answer for 30s`},
		{"takes nothing", func(n *fakeNode) cluster.Node { return &hanging{n, 0} }, `node "a": importing: the node took no data for 60 s`},
		{"does not unpack", func(n *fakeNode) cluster.Node { return &hanging{n, 1 << 40} }, `node "a": importing: the node does not answer for 5m0s`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blobs := source.Memory{}
				image := fakeImage(t, blobs, "gateway", base, "binary")
				_, err := (&Loader{Blobs: blobs}).Load(t.Context(), []cluster.Node{test.node(newFakeNode("a"))}, []Image{image})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if got := fault.Hints(err); !slices.Equal(got, []string{"--fresh"}) {
					t.Errorf("hints %q, want another cluster", got)
				}
			})
		})
	}
}

// hanging is a node whose import stops after so many bytes of its input and ends with the engine's client.
type hanging struct {
	*fakeNode
	takes int64
}

func (h *hanging) Stream(ctx context.Context, stdin io.Reader, stdout io.Writer, _ ...string) error {
	h.greet(stdout)
	h.readLine(stdin)
	io.CopyN(io.Discard, stdin, h.takes)
	<-ctx.Done()
	return ctx.Err()
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
	nodes := []cluster.Node{&slow{fakeNode: newFakeNode("fast")}, &slow{fakeNode: newFakeNode("slow"), pause: 200 * time.Microsecond}}
	for _, node := range nodes {
		node.(*slow).image = image
	}
	runtime.GC()
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

// slow is a node that keeps nothing of its import, pauses after each part of it, and has the image then.
type slow struct {
	*fakeNode
	image Image
	pause time.Duration
}

func (s *slow) Stream(_ context.Context, stdin io.Reader, stdout io.Writer, _ ...string) error {
	s.greet(stdout)
	s.readLine(stdin)
	for buffer := make([]byte, 256<<10); ; time.Sleep(s.pause) {
		if _, err := stdin.Read(buffer); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	ids := s.image.Descriptor.DiffIDs
	s.snapshots[chainIDs(ids)[len(ids)-1]] = true
	s.listSnapshots(stdout)
	return nil
}
