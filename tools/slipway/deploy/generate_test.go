package deploy

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

const databaseYAML = `apiVersion: v1
kind: Secret
metadata: {name: database, namespace: ns, annotations: {slipway.kubernaut.ai/generate: password}}
stringData:
  user: owner
  url: postgres://owner:$(password)@postgres/db?again=$(password)
`

// mapper knows Secrets and ConfigMaps.
type mapper struct{ *meta.DefaultRESTMapper }

func (mapper) Reset() {}

func clusterWith(objects ...runtime.Object) *cluster {
	m := mapper{meta.NewDefaultRESTMapper(nil)}
	for _, kind := range []string{"Secret", "ConfigMap"} {
		m.Add(schema.GroupVersionKind{Version: "v1", Kind: kind}, meta.RESTScopeNamespace)
	}
	return &cluster{dynamic: fake.NewSimpleDynamicClient(scheme.Scheme, objects...), mapper: m}
}

func rendered(t *testing.T, manifests ...string) []object {
	t.Helper()
	objects, err := render(testConfig(manifests...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// generated returns the Secret's decoded data after generate.
func generated(t *testing.T, c *cluster, objects []object) map[string]string {
	t.Helper()
	filled, err := c.generate(t.Context(), objects)
	if err != nil {
		t.Fatal(err)
	}
	secret := find(t, filled, "secret/database")
	if secret.Object["stringData"] != nil {
		t.Errorf("stringData: got %v, want none, because the server keeps none", secret.Object["stringData"])
	}
	decoded := map[string]string{}
	for name, value := range secret.Object["data"].(map[string]any) {
		text, err := base64.StdEncoding.DecodeString(value.(string))
		if err != nil {
			t.Fatal(err)
		}
		decoded[name] = string(text)
	}
	return decoded
}

func TestGenerate(t *testing.T) {
	objects := []object{find(t, rendered(t, databaseYAML), "secret/database")}
	fresh := generated(t, clusterWith(), objects)
	password := fresh["password"]
	if !regexp.MustCompile(`^[A-Z0-9]{26}$`).MatchString(password) {
		t.Errorf("password: got %d characters, want 26 letters and digits", len(password))
	}
	want := map[string]string{
		"password": password, "user": "owner", "url": "postgres://owner:" + password + "@postgres/db?again=" + password,
	}
	if diff := cmp.Diff(want, fresh); diff != "" {
		t.Errorf("new Secret (-want +got):\n%s", diff)
	}
	if again := generated(t, clusterWith(), objects)["password"]; again == password {
		t.Error("two clusters got the same password")
	}
	if objects[0].Object["stringData"] == nil || objects[0].Object["data"] != nil {
		t.Error("the manifest's object was changed")
	}
}

func TestGenerateKeepsTheClustersValue(t *testing.T) {
	secret := func(data map[string][]byte) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "database", Namespace: "ns"}, Data: data}
	}
	objects := []object{find(t, rendered(t, databaseYAML), "secret/database")}
	got := generated(t, clusterWith(secret(map[string][]byte{"password": []byte("kept"), "url": []byte("old")})), objects)
	want := map[string]string{"password": "kept", "user": "owner", "url": "postgres://owner:kept@postgres/db?again=kept"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("existing Secret (-want +got):\n%s", diff)
	}
	if got := generated(t, clusterWith(secret(nil)), objects)["password"]; len(got) != 26 {
		t.Errorf("an existing Secret without the key: got %q, want a new value", got)
	}
	elsewhere := secret(map[string][]byte{"password": []byte("other")})
	elsewhere.Namespace = "elsewhere"
	if got := generated(t, clusterWith(elsewhere), objects)["password"]; got == "other" {
		t.Error("the value of another namespace was taken")
	}
}

func TestGenerateLeavesOthersAlone(t *testing.T) {
	plain := strings.Replace(databaseYAML, ", annotations: {slipway.kubernaut.ai/generate: password}", "", 1)
	objects := []object{find(t, rendered(t, plain), "secret/database")}
	got, err := clusterWith().generate(t.Context(), objects)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(objects[0].Object, got[0].Object); diff != "" {
		t.Errorf("Secret without the annotation (-want +got):\n%s", diff)
	}
}

func TestGenerateErrors(t *testing.T) {
	for _, tc := range []struct{ name, old, new, want string }{
		{"kind", "kind: Secret", "kind: ConfigMap", "only a Secret can be filled"},
		{"no key", "generate: password", `generate: ""`, `must be a key of the Secret, got ""`},
		{"key", "generate: password", `generate: pass/word`, `must be a key of the Secret, got "pass/word"`},
		{"data", "stringData:", "data: {a: Yg==}\nstringData:", "the Secret has data; write them into stringData"},
		{"twice", "user: owner", "password: owner", `stringData has "password" already`},
		{"reference", "again=$(password)", "again=$(pasword)", `stringData "url" refers to "pasword"; the generated key is "password"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			manifest := strings.Replace(databaseYAML, tc.old, tc.new, 1)
			if tc.name == "kind" {
				manifest = strings.Replace(manifest, "stringData:", "data:", 1)
			}
			err := Check([]Config{testConfig(manifest)})
			if fault.Code(err) != fault.Usage || !strings.Contains(err.Error(), "deploy/gateway.yaml:1: ") || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("error: got %v (exit code %d), want one that ends with %q", err, fault.Code(err), tc.want)
			}
		})
	}
}
