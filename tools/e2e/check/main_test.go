package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func testPlan() plan.Plan {
	image := func(name string) plan.Image {
		return plan.Image{Name: name, Label: "//services/" + name + ":image", Descriptor: "_main/" + name + ".json"}
	}
	return plan.Plan{
		Version: plan.Version, Label: "//test/e2e:gateway", Name: "gateway", Namespace: "kubernaut-system",
		Images:    []plan.Image{image("gateway"), image("datastorage")},
		Manifests: []plan.Manifest{{Path: "_main/services/gateway/deploy/gateway.yaml", Short: "services/gateway/deploy/gateway.yaml"}},
		Expose:    []plan.Expose{{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}},
		Cluster:   plan.Cluster{NodeImage: "_main/node.json", Config: "_main/kind.yaml"},
		Test:      plan.Test{Binary: "_main/gateway_test", Timeout: "10m"},
	}
}

const (
	service = "apiVersion: v1\nkind: Service\nmetadata: {name: gateway}\n---\n"
	pod     = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    image: "
)

func TestRun(t *testing.T) {
	const where = "//test/e2e:gateway: services/gateway/deploy/gateway.yaml"
	for _, tc := range []struct{ name, manifest, want string }{
		{name: "good", manifest: service + pod + "gateway\n"},
		{
			name: "unknown image", manifest: service + pod + "gatewy\n",
			want: where + `:11: image "gatewy" is not an image of this suite; it has gateway, datastorage`,
		},
		{
			name: "two unknown images", manifest: service + pod + "gatewy\n  - image: postgres:16\n",
			want: where + `:11: image "gatewy" is not an image of this suite; it has gateway, datastorage` + "\n" +
				where + `:12: image "postgres:16" is not an image of this suite; it has gateway, datastorage`,
		},
		{name: "no object", manifest: "- a\n", want: where + ":1: a document must be a Kubernetes object"},
		{
			name: "no service", manifest: pod + "gateway\n",
			want: `//test/e2e:gateway: exposing service "gateway" as GATEWAY_URL: the manifests have no such service`,
		},
		{
			name: "namespace inside a text", manifest: service + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {url: a.kubernaut-system.svc}\n",
			want: where + `:8: a text contains the namespace kubernaut-system: every suite has its own copy, and only a value that is exactly ` +
				`"kubernaut-system" follows; use an env variable with fieldRef metadata.namespace, and a Service's bare name`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			data, err := json.Marshal(testPlan())
			if err != nil {
				t.Fatal(err)
			}
			draft, output, manifest := filepath.Join(dir, "draft"), filepath.Join(dir, "plan"), filepath.Join(dir, "manifest")
			for path, content := range map[string]string{draft: string(data), manifest: tc.manifest} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err = run([]string{"--draft=" + draft, "--output=" + output, "--manifest=services/gateway/deploy/gateway.yaml=" + manifest}, io.Discard)
			var got string
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			written, err := os.ReadFile(output)
			if tc.want != "" && err == nil {
				t.Error("a refused plan was written")
			}
			if tc.want == "" && string(written) != string(data) {
				t.Errorf("plan: got %q, want %q", written, data)
			}
		})
	}
}
