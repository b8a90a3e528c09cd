package cli

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/tools/slipway/bundle"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
	configType   = "application/vnd.oci.image.config.v1+json"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway}
spec:
  selector: {matchLabels: {app: gateway}}
  template:
    metadata: {labels: {app: gateway}}
    spec:
      containers: [{name: gateway, image: gateway}]
---
apiVersion: v1
kind: Service
metadata: {name: gateway}
spec:
  selector: {app: gateway}
  ports: [{name: http, port: 8080}]
`

// testBinary speaks the framing of -test.v=test2json.
const testBinary = `#!/bin/sh
env | sort >"$E2E_OUTPUT_DIR/env"
printf '\026=== RUN   TestGW1\nhello from the test\n\026--- %s: TestGW1 (0.00s)\n' "${VERDICT:-PASS}"
test "${VERDICT:-PASS}" = PASS
`

// setup makes a script's surroundings: runfiles of a suite with two images, a registry, one that denies every push, one that
// never takes a blob, a cache, and an address where nobody listens.
func setup(env *testscript.Env) error {
	root := filepath.Join(env.WorkDir, "runfiles", "_main")
	serve(env)
	if err := serveGitHub(env); err != nil {
		return err
	}
	var images []plan.Image
	for _, name := range []string{"gateway", "datastorage"} {
		image, err := writeImage(root, name, name)
		if err != nil {
			return err
		}
		images = append(images, image)
	}
	p := plan.Plan{
		Version: 1, Label: "//test/e2e:gateway", Name: "gateway", Namespace: "kubernaut-system", Images: images,
		Manifests: []plan.Manifest{{Path: "_main/deploy.yaml", Short: "services/gateway/deploy/gateway.yaml"}},
		Expose:    []plan.Expose{{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}},
		Cluster:   plan.Cluster{NodeImage: "_main/node.json", Config: "_main/kind.yaml"},
		Test:      plan.Test{Binary: "_main/gateway_test", Args: []string{"-test.short"}, Env: map[string]string{"VERDICT": "PASS"}, Timeout: "10m"},
	}
	for name, content := range map[string]any{
		"plan.json": p, "node.json": plan.NodeImage{Reference: "kindest/node:v1", Digest: digest([]byte("node"))},
		"push.json":  plan.Push{Version: 1, Label: "//services:push", Registry: env.Getenv("REGISTRY") + "/standard", Images: images},
		"prune.json": plan.Prune{Version: 1, Label: "//services:prune", Registry: env.Getenv("REGISTRY") + "/standard", Repositories: []string{"gateway", "datastorage"}},
		"kind.yaml":  "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n", "deploy.yaml": deployment, "gateway_test": testBinary,
	} {
		if err := write(filepath.Join(root, name), content); err != nil {
			return err
		}
	}
	if err := errors.Join(writeCached(env, root, p), serveUpstream(env, root)); err != nil {
		return err
	}
	if err := writeRelease(env, root); err != nil {
		return err
	}
	failing := p
	failing.Test.Env = map[string]string{"VERDICT": "FAIL"}
	if err := write(filepath.Join(root, "failing.json"), failing); err != nil {
		return err
	}
	if err := writeSets(root, p, failing); err != nil {
		return err
	}
	if err := makePortable(root, "plan", "failing", "all", "all.second", "mixed", "mixed.second"); err != nil {
		return err
	}
	// The credentials of "me", whose password is "secret", for the good registry.
	login := map[string]any{"auths": map[string]any{env.Getenv("REGISTRY"): map[string]string{"auth": "bWU6c2VjcmV0"}}}
	if err := write(filepath.Join(env.WorkDir, "docker", "config.json"), login); err != nil {
		return err
	}
	env.Setenv("RUNFILES_DIR", filepath.Join(env.WorkDir, "runfiles"))
	env.Setenv("SLIPWAY_PLAN", "_main/plan.json")
	env.Setenv("KUBERNAUT_CACHE", filepath.Join(env.WorkDir, "cache"))
	for _, name := range []string{"CI", "GITHUB_ACTIONS", "TEST_TARGET", "TEST_UNDECLARED_OUTPUTS_DIR", "IMAGE_REGISTRY", "IMAGE_TAG", "RUNFILES_MANIFEST_FILE", "TEST_TMPDIR", "TEST_SRCDIR", "BUILD_WORKING_DIRECTORY", "BUILD_WORKSPACE_DIRECTORY", "BAZEL_REMOTE_CACHE", "GITHUB_STEP_SUMMARY", "SLIPWAY_BEFORE", "COSIGN_KEY", "COSIGN_PASSWORD", "GITHUB_SHA", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "KUBERNAUT_STARTED", "KUBERNAUT_FREE"} {
		env.Setenv(name, "")
	}
	return nil
}

// writeCached writes cached.json, the suite without layouts, and a cache of all layers: the folder $WORK/disk, which Bazel's
// disk cache and its HTTP protocol lay out alike, the server $CACHE, and remote.bazelrc, which names it. $WORK/base is an
// output base of $WORK/checkout.
func writeCached(env *testscript.Env, root string, p plan.Plan) error {
	layers, err := filepath.Glob(filepath.Join(root, "*", "layer?"))
	if err != nil {
		return err
	}
	disk := filepath.Join(env.WorkDir, "disk")
	for _, layer := range layers {
		data, err := os.ReadFile(layer)
		if err != nil {
			return err
		}
		hex := strings.TrimPrefix(digest(data), "sha256:")
		if err := write(filepath.Join(disk, "cas", hex[:2], hex), string(data)); err != nil {
			return err
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hex := strings.TrimPrefix(r.URL.Path, "/cas/")
		http.ServeFile(w, r, filepath.Join(disk, "cas", hex[:2], hex))
	}))
	env.Defer(server.Close)
	env.Setenv("CACHE", strings.TrimPrefix(server.URL, "http://"))
	p.Images = slices.Clone(p.Images)
	for i := range p.Images {
		p.Images[i].Layout = ""
	}
	return errors.Join(
		write(filepath.Join(root, "cached.json"), p),
		write(filepath.Join(root, "push-cached.json"), plan.Push{Version: 1, Label: "//services:push", Registry: "registry.example/k", Images: p.Images}),
		write(filepath.Join(env.WorkDir, "remote.bazelrc"), "common:ci --remote_cache="+server.URL+"\n"),
		write(filepath.Join(env.WorkDir, "base", "DO_NOT_BUILD_HERE"), filepath.Join(env.WorkDir, "checkout")),
	)
}

// makePortable writes plans as a bundle has them into a bundle beside the runfiles, and links the other files.
func makePortable(root string, plans ...string) error {
	folder := filepath.Join(root, "..", "..", "gateway.bundle", bundle.Files, "_main")
	for _, name := range plans {
		data, err := os.ReadFile(filepath.Join(root, name+".json"))
		if err == nil {
			data, err = bundle.Portable(name, data)
		}
		if err := errors.Join(err, write(filepath.Join(folder, name+".json"), string(data))); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range []string{"node.json", "kind.yaml", "deploy.yaml", "gateway_test", "gateway", "datastorage"} {
		errs = append(errs, os.Symlink(filepath.Join(root, name), filepath.Join(folder, name)))
	}
	return errors.Join(errs...)
}

// writeSets writes sets of the suite and of a second one: all.json, mixed.json, whose second suite fails, and clash.json,
// whose suites mean different images by one name. The second suite exposes a whole pool of ports.
func writeSets(root string, first, failing plan.Plan) error {
	other, err := writeImage(root, "other", "gateway")
	if err != nil {
		return err
	}
	for name, second := range map[string]plan.Plan{"all": first, "mixed": failing, "clash": first} {
		second.Label, second.Name = "//test/e2e:second", "second"
		second.Test.Env = maps.Clone(second.Test.Env)
		second.Test.Env["PLATFORM"] = second.Namespace
		for i := range portPool {
			second.Expose = append(slices.Clip(second.Expose), plan.Expose{Service: "gateway", Port: "http", Env: fmt.Sprint("URL", i)})
		}
		if name == "clash" {
			second.Images = []plan.Image{other}
		}
		set := plan.Set{
			Version: 1, Label: "//test/e2e:" + name, Name: name, Suites: []string{"_main/plan.json", "_main/" + name + ".second.json"},
			LeftOut: []plan.LeftOut{{Label: "//test/e2e:gateway-workers", Reason: "it has two nodes"}},
		}
		err := errors.Join(write(filepath.Join(root, name+".second.json"), second), write(filepath.Join(root, name+".json"), set))
		if err != nil {
			return err
		}
	}
	return nil
}

func serve(env *testscript.Env) {
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	good := httptest.NewServer(inner)
	quay := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true)))
	env.Defer(quay.Close)
	denying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"this token cannot write packages"}]}`)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	hanging := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			write(filepath.Join(env.WorkDir, "hangs"), "put\n")
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		inner.ServeHTTP(w, r)
	}))
	env.Defer(good.Close)
	env.Defer(denying.Close)
	env.Defer(hanging.Close)
	env.Setenv("DEAD", "127.0.0.1:1") // a port that was closed would be given to another script's registry
	for name, s := range map[string]*httptest.Server{"REGISTRY": good, "QUAY": quay, "DENYING": denying, "HANGING": hanging} {
		env.Setenv(name, strings.TrimPrefix(s.URL, "http://"))
	}
}

// writeImage writes an image of the name below root/dir; another dir is another content.
func writeImage(root, dir, name string) (plan.Image, error) {
	d := plan.Descriptor{Version: 1, Label: "//services/" + name + ":image", Name: name, OS: "linux", Architecture: "amd64"}
	for i, data := range []string{baseLayer, "the layer of " + dir} {
		layer := content(layerType, []byte(data))
		d.Layers, d.DiffIDs = append(d.Layers, layer.Blob), append(d.DiffIDs, layer.Digest)
		blob := filepath.Join(root, dir, "layout", "blobs", "sha256", strings.TrimPrefix(layer.Digest, "sha256:"))
		target := filepath.Join(root, dir, fmt.Sprint("layer", i))
		if err := write(target, data); err != nil {
			return plan.Image{}, err
		}
		os.MkdirAll(filepath.Dir(blob), 0o755)
		if err := os.Symlink(target, blob); err != nil {
			return plan.Image{}, err
		}
	}
	config, _ := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"diff_ids": d.DiffIDs}})
	d.Config = content(configType, config)
	manifest, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": d.Config.Blob, "layers": d.Layers})
	d.Manifest = content(manifestType, manifest)
	image := plan.Image{Name: name, Label: d.Label, Descriptor: "_main/" + dir + "/image.descriptor.json", Layout: "_main/" + dir + "/layout"}
	return image, write(filepath.Join(root, dir, "image.descriptor.json"), d)
}

func content(mediaType string, data []byte) plan.Content {
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: digest(data), Size: int64(len(data))}, Data: data}
}

func digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func write(path string, content any) error {
	data, ok := content.(string)
	if !ok {
		encoded, err := json.MarshalIndent(content, "", "  ")
		if err != nil {
			return err
		}
		data = string(encoded)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(data), 0o755)
}
