package second

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+zstd"
	configType   = "application/vnd.oci.image.config.v1+json"
)

func content(mediaType string, data []byte) plan.Content {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: digest, Size: int64(len(data))}, Data: data}
}

// descriptor is of an image with the one layer, compressed and not.
func descriptor(t *testing.T, layer, uncompressed string) string {
	t.Helper()
	l := content(layerType, []byte(layer)).Blob
	d := plan.Descriptor{
		Version: 1, Label: "//a:image", Name: "a", OS: "linux", Architecture: "amd64",
		Layers: []plan.Blob{l}, DiffIDs: []string{content(layerType, []byte(uncompressed)).Digest},
	}
	config, err := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"diff_ids": d.DiffIDs}})
	if err != nil {
		t.Fatal(err)
	}
	d.Config = content(configType, config)
	manifest, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": d.Config.Blob, "layers": d.Layers})
	if err != nil {
		t.Fatal(err)
	}
	d.Manifest = content(manifestType, manifest)
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestMeasure(t *testing.T) {
	const layer, same, before = "the layer's bytes", "other bytes, same", "the layer" // the first two have equal sizes
	described := descriptor(t, layer, before)
	root := t.TempDir()
	for path, text := range map[string]string{
		"execroot/_main/bazel-out/k8/bin/a/image.descriptor.json":   described,
		"execroot/_main/bazel-out/k8/bin/a/layer.tar":               before,
		"execroot/_main/bazel-out/k8/bin/a/layer.tar.zst":           layer,
		"execroot/_main/bazel-out/k8/bin/a/binary":                  same,
		"execroot/_main/bazel-out/k8/bin/a/image.0.descriptor.json": "{}",
		"external/rules_x/file":                                     "12345",
		"external/base/blobs/sha256/deep":                           layer,
		"action_cache/a":                                            "123",
		"server/jvm.out":                                            "12",
		"java.log.root":                                             "1",
		"DO_NOT_BUILD_HERE":                                         "1234",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("layer.tar", filepath.Join(root, "execroot/_main/bazel-out/k8/bin/a/link")); err != nil {
		t.Fatal(err)
	}
	got, err := measure(root)
	if err != nil {
		t.Fatal(err)
	}
	n, m := int64(len(layer)), int64(len(before))
	want := Usage{
		Parts: map[string]int64{Outputs: int64(len(described)) + 2*n + m + 2, External: 5 + n, Actions: 3, Server: 3, Other: 4},
		Layers: []Layer{
			{"execroot/_main/bazel-out/k8/bin/a/layer.tar", m},
			{"execroot/_main/bazel-out/k8/bin/a/layer.tar.zst", n},
			{"external/base/blobs/sha256/deep", n},
		},
		Known: 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("usage (-want +got):\n%s", d)
	}
	if got, want := got.LayerBytes(), 2*n+m; got != want {
		t.Errorf("got %d layer bytes, want %d", got, want)
	}
	if got, want := got.BeyondExternal(), got.Total()-5-n; got != want {
		t.Errorf("got %d bytes beyond external, want %d", got, want)
	}
}

func TestMeasureRefuses(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "x.descriptor.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := measure(root); err == nil {
		t.Error("a descriptor that is none: got no error")
	}
	if _, err := measure(filepath.Join(root, "absent")); err == nil {
		t.Error("no folder: got no error")
	}
}

func TestClean(t *testing.T) {
	got := clean([]string{"HOME=/h", "BAZEL_REMOTE_CACHE=x", "BUILD_WORKSPACE_DIRECTORY=/w", "BUILDKIT=1", "IMAGE_TAG=t", "IMAGE_TAGS=t", "KUBERNAUT_CACHE=/c", "RUNFILES_DIR=/r"})
	if d := cmp.Diff([]string{"HOME=/h", "BUILDKIT=1", "IMAGE_TAGS=t", "KUBERNAUT_CACHE=/c"}, got); d != "" {
		t.Errorf("environment (-want +got):\n%s", d)
	}
}

// launcher says what it gets, and makes the output base.
const launcher = `#!/bin/sh
base=${1#--output_base=}
mkdir -p "$base/server"
echo log >"$base/server/log"
test ! -f user.bazelrc || cat user.bazelrc
echo "cache $BAZEL_REMOTE_CACHE"
shift
echo "$@" | tee -a LOG
test "$1" != fail
`

// workspace is a checkout with the launcher above, and the file that it writes its arguments to.
func workspace(t *testing.T) (dir, log string) {
	t.Helper()
	dir, log = t.TempDir(), filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(filepath.Join(dir, "tools"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(launcher, "LOG", log)
	if err := os.WriteFile(filepath.Join(dir, "tools", "bazelw"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir, log
}

func asked(t *testing.T, log, port string) string {
	t.Helper()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(string(data), port)
}

func empty(t *testing.T, dir string) {
	t.Helper()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCheckout(t *testing.T) {
	from, log := workspace(t)
	parent := t.TempDir()
	c, err := New(t.Context(), from, parent, []string{"common --x"}, []string{"BAZEL_REMOTE_CACHE=grpc://h:1"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Bazel(t.Context(), "run", "//x"); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "common --x\ncache grpc://h:1\nrun //x\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := c.Bazel(t.Context(), "fail"); err == nil {
		t.Error("a Bazel that fails: got no error")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	empty(t, parent)
	if got := asked(t, log, ""); got != "run //x\nfail\nshutdown\n" {
		t.Errorf("Bazel was asked for %q", got)
	}
	if _, err := New(t.Context(), filepath.Join(from, "absent"), parent, nil, nil); err == nil {
		t.Error("no checkout to copy: got no error")
	}
	empty(t, parent)
}

func TestTargets(t *testing.T) {
	from, log := workspace(t)
	parent := t.TempDir()
	both := Targets{Push: "//services:push", Suite: "//test/e2e:gateway"}
	if err := both.Fill(t.Context(), from, parent, "grpc://h:1", "/disk", nil); err != nil {
		t.Fatal(err)
	}
	run := Run{Flags: []string{"--x"}, Suite: []string{"--fresh"}}
	steps, err := both.Run(t.Context(), from, parent, run)
	if err != nil {
		t.Fatal(err)
	}
	if got := steps.Last().Parts[Server]; steps.Push.Took <= 0 || steps.Suite.Took <= 0 || got != int64(len("log\n")) {
		t.Errorf("got steps %+v", steps)
	}
	if steps, err = (Targets{Push: "//services:push"}).Run(t.Context(), from, parent, Run{}); err != nil || steps.Last().Parts[Server] == 0 {
		t.Errorf("got steps %+v, error %v", steps, err)
	}
	want := `build --config=ci --disk_cache=/disk //services:push //test/e2e:gateway
shutdown
run --config=ci --x //services:push -- --registry=REGISTRY/kubernaut --tag=proof
run --config=ci --x //test/e2e:gateway -- --fresh
shutdown
run --config=ci //services:push -- --registry=REGISTRY/kubernaut --tag=proof
shutdown
`
	if d := cmp.Diff(want, asked(t, log, "REGISTRY")); d != "" {
		t.Errorf("Bazel was asked for (-want +got):\n%s", d)
	}
	empty(t, parent)
}

func TestTargetsFail(t *testing.T) {
	from, log := workspace(t)
	parent := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "tools", "bazelw"), []byte("#!/bin/sh\nmkdir -p ${1#*=}\necho $2 >>"+log+"\ntest $2 = shutdown\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	targets := Targets{Suite: "//test/e2e:gateway"}
	if err := targets.Fill(t.Context(), from, parent, "grpc://h:1", "/disk", nil); err == nil || !strings.Contains(err.Error(), "filling the caches: ") {
		t.Errorf("got error %v", err)
	}
	if _, err := targets.Run(t.Context(), from, parent, Run{}); err == nil || !strings.Contains(err.Error(), "running tools/bazelw run --config=ci //test/e2e:gateway -- in a second checkout: exit status 1") {
		t.Errorf("got error %v", err)
	}
	if got := asked(t, log, ""); got != "build\nshutdown\nrun\nshutdown\n" {
		t.Errorf("Bazel was asked for %q", got)
	}
	empty(t, parent)
}
