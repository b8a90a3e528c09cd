package push_test

import (
	"os"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// The base's layers have upstreams, the one that the image adds has none.
func TestUpstreams(t *testing.T) {
	if _, err := runfiles.Rlocation(here + "on_pulled.descriptor.json"); err != nil && os.Getenv("TEST_SRCDIR") == "" {
		t.Skipf("no runfiles, run bazel test //tools/oci/tests:tests_test: %v", err)
	}
	base, image := readDescriptor(t, "base"), readDescriptor(t, "on_pulled")
	want := map[string][]string{}
	for _, layer := range base.Layers {
		want[layer.Digest] = []string{"mirror.example:5000/distroless/static", "gcr.io/distroless/static"}
	}
	if diff := cmp.Diff(want, image.Upstreams); diff != "" || len(image.Layers) != len(base.Layers)+1 {
		t.Errorf("of %d layers on %d the upstreams are (-want +got):\n%s", len(image.Layers), len(base.Layers), diff)
	}
}

func readDescriptor(t *testing.T, image string) plan.Descriptor {
	t.Helper()
	path, err := runfiles.Rlocation(here + image + ".descriptor.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := plan.DecodeDescriptor(image, data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
