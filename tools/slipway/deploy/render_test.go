package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const gatewayYAML = `apiVersion: v1
kind: Service
metadata: {name: gateway}
spec:
  selector: {app: gateway}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: metrics, port: 9090}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, labels: {app: gateway}}
spec:
  selector: {matchLabels: {app: gateway}}
  template:
    metadata: {labels: {app: gateway}}
    spec:
      initContainers:
      - {name: wait, image: datastorage}
      containers:
      - name: gateway
        image: gateway
        imagePullPolicy: Always
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions: []
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: one}
anything: goes
`

func testConfig(manifests ...string) Config {
	config := Config{
		Suite: "gateway", Namespace: "kubernaut-system",
		References: map[string]string{"gateway": "kind.local/gateway@sha256:aa", "datastorage": "kind.local/datastorage@sha256:bb"},
	}
	for _, m := range manifests {
		config.Manifests = append(config.Manifests, File{Short: "deploy/gateway.yaml", Data: []byte(m)})
	}
	return config
}

func find(t *testing.T, objects []object, name string) object {
	t.Helper()
	for _, o := range objects {
		if o.name() == name {
			return o
		}
	}
	t.Fatalf("no %s among %d objects", name, len(objects))
	return object{}
}

func TestRender(t *testing.T) {
	config := testConfig(gatewayYAML)
	objects, err := render(config, []byte(`{"auths":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for c := definition; c <= admission; c++ {
		for _, o := range classes(objects)[c] {
			names = append(names, o.name())
			want := "gateway"
			if o.class() == definition {
				want = "shared"
			}
			if diff := cmp.Diff(want, o.GetLabels()[suiteLabel]); diff != "" {
				t.Errorf("label of %s (-want +got):\n%s", o.name(), diff)
			}
		}
	}
	order := []string{
		"customresourcedefinition/things.example.com", "namespace/kubernaut-system", "thing/one", "secret/slipway-registry",
		"service/gateway", "deployment/gateway",
	}
	if diff := cmp.Diff(order, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	pod := map[string]any{
		"initContainers": []any{map[string]any{
			"name": "wait", "image": "kind.local/datastorage@sha256:bb", "imagePullPolicy": "IfNotPresent",
		}},
		"containers": []any{map[string]any{
			"name": "gateway", "image": "kind.local/gateway@sha256:aa", "imagePullPolicy": "IfNotPresent",
		}},
		"imagePullSecrets":   []any{map[string]any{"name": "slipway-registry"}},
		"serviceAccountName": "default",
	}
	if diff := cmp.Diff(pod, podSpec(find(t, objects, "deployment/gateway"))); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
	secret := find(t, objects, "secret/slipway-registry")
	if diff := cmp.Diff(map[string]any{".dockerconfigjson": "eyJhdXRocyI6e319"}, secret.Object["data"]); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("kubernaut-system", secret.GetNamespace()); diff != "" {
		t.Errorf("secret's namespace (-want +got):\n%s", diff)
	}
}

// A controller's pods are in no manifest; their account is.
func TestRenderLetsAccountsPull(t *testing.T) {
	config := testConfig("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: runner, namespace: jobs}\nimagePullSecrets: [{name: own}]\n")
	objects, err := render(config, []byte(`{"auths":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{"name": "own"}, map[string]any{"name": "slipway-registry"}}
	if diff := cmp.Diff(want, find(t, objects, "serviceaccount/runner").Object["imagePullSecrets"]); diff != "" {
		t.Errorf("imagePullSecrets (-want +got):\n%s", diff)
	}
	if got := find(t, objects, "secret/slipway-registry").GetNamespace(); got != "jobs" {
		t.Errorf("secret's namespace: got %q, want the account's", got)
	}
}

func TestRenderWithoutCredentials(t *testing.T) {
	objects, err := render(testConfig(gatewayYAML), nil)
	if err != nil {
		t.Fatal(err)
	}
	if spec := podSpec(find(t, objects, "deployment/gateway")); spec["imagePullSecrets"] != nil {
		t.Errorf("imagePullSecrets: got %v, want none", spec["imagePullSecrets"])
	}
}

func TestCheckErrors(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: c, image: gateway}\n"
	expose := func(service, port string) []plan.Expose {
		return []plan.Expose{{Service: service, Port: port, Env: "GATEWAY_URL"}}
	}
	for _, tc := range []struct {
		name, manifest string
		expose         []plan.Expose
		want           []string
	}{
		{name: "image", manifest: strings.ReplaceAll(pod, "image: gateway", "image: gatewy"), want: []string{
			`deploy/gateway.yaml:6: image "gatewy" is not an image of this suite; it has datastorage, gateway`,
		}},
		{name: "unknown field", manifest: pod + "  restartPolcy: Never\n", want: []string{
			`deploy/gateway.yaml:1: pod/p: unknown field "spec.restartPolcy"`,
		}},
		{name: "wrong type", manifest: pod + "  hostNetwork: maybe\n", want: []string{
			"deploy/gateway.yaml:1: pod/p: ", "hostNetwork",
		}},
		{name: "no name", manifest: "apiVersion: v1\nkind: Pod\n", want: []string{"deploy/gateway.yaml:1: Pod has no metadata.name"}},
		{name: "twice", manifest: pod + "---\n" + pod, want: []string{"deploy/gateway.yaml:8: pod/p is in deploy/gateway.yaml:1 already"}},
		{
			name: "all at once", manifest: "a: [\n",
			want: []string{"deploy/gateway.yaml: parsing YAML", `image "gatewy"`},
		},
		{name: "service", manifest: gatewayYAML, expose: expose("gatewy", "http"), want: []string{
			`exposing service "gatewy" as GATEWAY_URL: the manifests have no such service; they have gateway`,
		}},
		{name: "port", manifest: gatewayYAML, expose: expose("gateway", "https"), want: []string{
			`deploy/gateway.yaml:1: exposing service/gateway as GATEWAY_URL: it has no port "https"; it has http, metrics`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := testConfig(tc.manifest)
			if tc.name == "all at once" {
				config = testConfig(tc.manifest, strings.ReplaceAll(pod, "image: gateway", "image: gatewy"))
			}
			config.Expose = tc.expose
			err := Check([]Config{config})
			if fault.Code(err) != fault.Usage {
				t.Fatalf("exit code of %v: got %d, want %d", err, fault.Code(err), fault.Usage)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error: got %q, want it to contain %q", err, want)
				}
			}
		})
	}
}

func TestOpenUnreadableKubeconfig(t *testing.T) {
	_, err := Open(t.Context(), Target{Kubeconfig: t.TempDir() + "/absent"}, []Config{testConfig(gatewayYAML)})
	if fault.Code(err) != fault.Delivery || !strings.Contains(err.Error(), "reading kubeconfig ") {
		t.Errorf("error: got %v (exit code %d), want one about the kubeconfig", err, fault.Code(err))
	}
}

func TestRenderCopy(t *testing.T) {
	config := testConfig(gatewayYAML, "apiVersion: v1\nkind: Namespace\nmetadata: {name: flows}\n")
	config.Copied, config.Expose = true, []plan.Expose{{Service: "gateway", Port: "http", Env: "GATEWAY_URL"}}
	members, shared, err := renderAll([]Config{config}, []byte(`{"auths":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	m := members[0]
	names := map[string]string{"kubernaut-system": "kubernaut-system-gateway", "flows": "flows-gateway"}
	if diff := cmp.Diff(names, m.namespaces); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	for original, copied := range names {
		if got := find(t, m.objects, "namespace/"+copied).GetLabels()[copyLabel]; got != original {
			t.Errorf("label of %s: got %q, want %q", copied, got, original)
		}
	}
	if got := find(t, m.objects, "secret/slipway-registry").GetNamespace(); got != "kubernaut-system-gateway" {
		t.Errorf("secret's namespace: got %q", got)
	}
	if len(shared) != 1 || shared[0].name() != "customresourcedefinition/things.example.com" {
		t.Errorf("shared: got %d objects, want the definition", len(shared))
	}
}

func TestShared(t *testing.T) {
	role := func(suite, verb string) Config {
		text := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: [{apiGroups: [''], resources: [pods], verbs: [" + verb + "]}]\n"
		return Config{Suite: suite, Namespace: "sys", Copied: true, Manifests: []File{{Short: suite + ".yaml", Data: []byte(text)}}}
	}
	_, shared, err := renderAll([]Config{role("a", "get"), role("b", "get")}, nil)
	if err != nil || len(shared) != 1 {
		t.Errorf("same content: got %d objects, %v; want one", len(shared), err)
	}
	err = Check([]Config{role("a", "get"), role("b", "list")})
	want := `b.yaml:1: clusterrole/r of suite "b" differs from that of suite "a" in a.yaml:1, and all suites share it`
	if fault.Code(err) != fault.Usage || err.Error() != want {
		t.Errorf("other content: got %v (exit code %d), want %q", err, fault.Code(err), want)
	}
}
