// Package push_test runs a target of image_push: rule, plan, runfiles and program together, against a registry in memory.
package push_test

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/kubernaut/kubernaut/test/diskcache"
)

const here = "_main/tools/oci/tests/"

func TestImagePush(t *testing.T) {
	program, err := runfiles.Rlocation(here + "push_all.slipway")
	if err != nil && os.Getenv("TEST_SRCDIR") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("no runfiles, run bazel test //tools/oci/tests:tests_test: %v", err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/k"
	var stderr bytes.Buffer
	// With --//tools/oci:layers=cache the runfiles of push_all have no layers.
	layout, err := runfiles.Rlocation(here + "image")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	if err := diskcache.Fill(cache, layout); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "push", "--registry="+repository, "--tag=t1", "--disk-cache="+cache)
	cmd.Env = append(os.Environ(), "SLIPWAY_PLAN="+here+"push_all.plan.json")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	image, reference, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	tag, err := remote.Image(mustParse(t, repository+"/tests:t1"))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := tag.Digest()
	if err != nil || image != "tests" || reference != repository+"/tests@"+digest.String() {
		t.Errorf("got %q, want the image tests by the digest %s (%v)", out, digest, err)
	}
	if err := validate.Image(tag, validate.Fast); err != nil {
		t.Error(err)
	}
	readLayers(t, tag)
}

// readLayers reads each layer's bytes, which remote holds against digest and size. Package validate would unpack them too, but
// knows gzip alone.
func readLayers(t *testing.T, image v1.Image) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) == 0 {
		t.Fatalf("got %d layers, %v", len(layers), err)
	}
	for i, layer := range layers {
		content, err := layer.Compressed()
		if err == nil {
			_, err = io.Copy(io.Discard, content)
		}
		if err != nil {
			t.Errorf("reading layer %d: %v", i, err)
		}
	}
}

func mustParse(t *testing.T, reference string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
