package compression

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// unpack is the way back, by other code where there is some.
func unpack(t *testing.T, suffix string, r io.Reader) []byte {
	t.Helper()
	var err error
	switch suffix {
	case "+gzip":
		r, err = gzip.NewReader(r)
	case "+zstd":
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCompress(t *testing.T) {
	image, err := synthetic.New("bench", synthetic.Layer{Seed: 1, Size: 3_000_000})
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(synthetic.Layer{Seed: 1, Size: 3_000_000}.Open())
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
			packed, err := source.Layout(v.layout).Open(t.Context(), v.descriptor.Layers[0])
			if err != nil {
				t.Fatal(err)
			}
			defer packed.Close()
			if got := unpack(t, m.suffix, packed); !bytes.Equal(got, want) {
				t.Errorf("%d bytes come back of %d, or others", len(got), len(want))
			}
			if m.suffix != "" && v.size > int64(len(want))*2/3 {
				t.Errorf("compressed to %d of %d bytes", v.size, len(want))
			}
		})
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
