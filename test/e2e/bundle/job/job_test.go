package job_test

import (
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubernaut/kubernaut/test/diskcache"
	"github.com/kubernaut/kubernaut/test/e2e/bundle"
)

// images of the suite, as the job that builds has them.
var images = []string{"datastorage", "gateway"}

// mostWritten is what a run may write on the host, in bytes: logs, reports, leases.
const mostWritten = 20e6

// job is a machine that has the bundle, a container engine and nothing else. All that it writes is beside the bundle.
type job struct {
	bundle.Unpacked
	before bundle.Disk
}

// report is what slipway --report says, as far as it is read here.
type report struct {
	ExitCode    int    `json:"exitCode"`
	Destination string `json:"destination"`
	Suites      []struct {
		Tests struct {
			Passed int `json:"passed"`
		} `json:"tests"`
	} `json:"suites"`
	Phases []struct {
		Name       string `json:"name"`
		LayerBytes int64  `json:"layerBytes"`
	} `json:"phases"`
}

// TestJob runs the suite by its bundle: with a registry that the nodes pull from, then from a disk cache into the same cluster,
// every layer of it, which the second run deletes. On the host's disk is no byte of an image, before or after.
func TestJob(t *testing.T) {
	unpacked := bundle.Unpack(t)
	j := job{unpacked, unpacked.Measure(t)}
	paths := map[string]string{}
	for _, image := range images {
		path, err := runfiles.Rlocation("_main/services/" + image + "/image")
		if err != nil {
			t.Fatal(err)
		}
		paths[image] = withoutLinks(t, path)
	}
	address := serve(t, paths)
	t.Run("registry", func(t *testing.T) {
		got := j.run(t, []string{"IMAGE_REGISTRY=" + address + "/owner", "IMAGE_TAG=v1"}, "--keep", "--fallback=never")
		if got.Destination != "registry" || got.layerBytes("push") != 0 {
			t.Errorf("got destination %q with %d layer bytes sent, want the registry's own layers", got.Destination, got.layerBytes("push"))
		}
	})
	t.Run("disk_cache", func(t *testing.T) {
		cache := t.TempDir()
		if err := diskcache.Fill(cache, slices.Collect(maps.Values(paths))...); err != nil {
			t.Fatal(err)
		}
		got := j.run(t, nil, "--disk-cache="+cache, "--load=archive", "--keep=false")
		var want int64
		for _, size := range j.Layers {
			want += size
		}
		if got.Destination != "kind" || got.layerBytes("load") < want {
			t.Errorf("got destination %q with %d layer bytes sent, want kind with all %d", got.Destination, got.layerBytes("load"), want)
		}
	})
}

// run starts the bundle and holds what it leaves to the promise.
func (j job) run(t *testing.T, env []string, args ...string) (got report) {
	t.Helper()
	env = append(env, "PATH="+os.Getenv("PATH"), "KUBERNAUT_CACHE="+filepath.Join(j.Dir, "cache"))
	for _, name := range []string{"DOCKER_HOST", "KIND_EXPERIMENTAL_PROVIDER"} { // where the engine is
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	args = append(args, "--report=report.json")
	if _, _, exit := j.Run(t, os.Stderr, env, args...); exit != 0 {
		t.Fatalf("got exit code %d, want 0", exit)
	}
	data, err := os.ReadFile(filepath.Join(j.Dir, "report.json"))
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil || len(got.Suites) != 1 || got.Suites[0].Tests.Passed == 0 {
		t.Fatalf("got report %+v and error %v, want one suite that passed", got, err)
	}
	after := j.Measure(t)
	if len(after.Layers) > 0 || after.Bytes-j.before.Bytes > mostWritten {
		t.Errorf("got %d bytes more on the host, want at most %.0f, the layers %v, want none",
			after.Bytes-j.before.Bytes, mostWritten, after.Layers)
	}
	t.Logf("unpacked bundle %.1f MB, written by the run %.2f MB", float64(j.before.Bytes)/1e6, float64(after.Bytes-j.before.Bytes)/1e6)
	return got
}

func (r report) layerBytes(phase string) (sum int64) {
	for _, p := range r.Phases {
		if p.Name == phase {
			sum += p.LayerBytes
		}
	}
	return sum
}

// withoutLinks copies an image layout: Bazel's has links to layers, which go-containerregistry does not read.
func withoutLinks(t *testing.T, layout string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "image")
	if out, err := exec.CommandContext(t.Context(), "cp", "-rL", layout, to).CombinedOutput(); err != nil {
		t.Fatalf("copying %q: %v: %s", layout, err, out)
	}
	return to
}

// serve starts a registry on loopback that has the images.
func serve(t *testing.T, paths map[string]string) (address string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	address = strings.TrimPrefix(server.URL, "http://")
	for image, path := range paths {
		index, err := layout.ImageIndexFromPath(path)
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil || len(manifest.Manifests) != 1 {
			t.Fatalf("%s: got %+v and error %v, want one manifest", image, manifest, err)
		}
		content, err := index.Image(manifest.Manifests[0].Digest)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := name.NewTag(address+"/owner/"+image+":v1", name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(reference, content); err != nil {
			t.Fatal(err)
		}
	}
	return address
}
