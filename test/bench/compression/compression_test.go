package compression

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func TestCompress(t *testing.T) {
	image, err := synthetic.New("bench", synthetic.Layer{Seed: 1, Size: 3_000_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range methods() {
		t.Run(m.name, func(t *testing.T) {
			v, err := m.compress(t.Context(), image.Descriptor, synthetic.Blobs(image), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(v.descriptor)
			if err == nil {
				_, err = plan.DecodeDescriptor("bench", data)
			}
			if err != nil {
				t.Error(err)
			}
			dir := t.TempDir()
			back, err := unpack(t.Context(), v.descriptor, source.Layout(v.layout), dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(image.Descriptor.Layers, back.Layers); diff != "" {
				t.Errorf("layers that come back (-want +got):\n%s", diff)
			}
			checkLayer(t, dir, back.Layers[0])
			if m.suffix != "" && v.size > image.Size()*2/3 {
				t.Errorf("compressed to %d of %d bytes", v.size, image.Size())
			}
		})
	}
}

// checkLayer reads a layer to its end, where it is held against its digest.
func checkLayer(t *testing.T, layout string, layer plan.Blob) {
	t.Helper()
	r, err := source.Layout(layout).Open(t.Context(), layer)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Error(err)
	}
}

func TestUnpackRefusesOthers(t *testing.T) {
	image, err := synthetic.New("bench", synthetic.Layer{Seed: 1, Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	d := image.Descriptor
	d.Layers = slices.Clone(d.Layers)
	d.Layers[0].MediaType += "+xz"
	if _, err := unpack(t.Context(), d, synthetic.Blobs(image), t.TempDir()); err == nil || !strings.Contains(err.Error(), "+xz") {
		t.Errorf("error %v, want one that names the media type", err)
	}
}

const rate = 10_000_000

// within holds a time to the link's rate. It has no upper bound but a wide one: the machine may be busy.
func within(t *testing.T, took time.Duration, bytes int) {
	t.Helper()
	want := time.Duration(bytes) * time.Second / rate
	if took < want*9/10 || took > 20*want {
		t.Errorf("%d bytes took %s, want about %s", bytes, took, want)
	}
}

func TestDistantBlobs(t *testing.T) {
	image, err := synthetic.New("bench", synthetic.Layer{Seed: 1, Size: 2_000_000})
	if err != nil {
		t.Fatal(err)
	}
	far := distant{synthetic.Blobs(image), &pace{rate: rate}}
	start := time.Now()
	r, err := far.Open(context.Background(), image.Descriptor.Layers[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		t.Fatal(err)
	}
	within(t, time.Since(start), int(n))
}

func TestListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const size = 2_000_000
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Write(make([]byte, size))
	}))
	server.Listener.Close()
	server.Listener = listener{inner, &pace{rate: rate}, &pace{rate: rate}}
	server.Start()
	defer server.Close()
	start := time.Now()
	response, err := http.Post(server.URL, "text/plain", bytes.NewReader(make([]byte, size)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
		t.Errorf("%d bytes, error %v", n, err)
	}
	within(t, time.Since(start), 2*size) // both directions, one after the other
}
