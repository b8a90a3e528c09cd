package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
)

func parse(t *testing.T, data string) []manifest.Object {
	t.Helper()
	objects, err := manifest.Parse(manifest.File{Short: "a.yaml", Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestParse(t *testing.T) {
	type object struct {
		Where, Group, Kind string
		Content            map[string]any
	}
	for _, tc := range []struct {
		name, in string
		want     []object
	}{
		{name: "empty"},
		{name: "comments and empty documents", in: "# nothing\n---\n---\n# end\n"},
		{
			name: "two documents",
			in:   "apiVersion: v1\nkind: Service\n---\n\n# second\napiVersion: apps/v1\nkind: Deployment\n",
			want: []object{
				{"a.yaml:1", "", "Service", map[string]any{"apiVersion": "v1", "kind": "Service"}},
				{"a.yaml:6", "apps", "Deployment", map[string]any{"apiVersion": "apps/v1", "kind": "Deployment"}},
			},
		},
		{
			name: "values",
			in: "apiVersion: v1\nkind: X\ni: 8080\noctal: 0644\nf: 1.5\nb: true\nyes: yes\nn: null\ndate: 2026-01-02\nquoted: \"8080\"\n" +
				"base: &base [a, 1]\nalias: *base\nblock: |\n  two\n  lines\nempty: {}\n",
			want: []object{{"a.yaml:1", "", "X", map[string]any{
				"apiVersion": "v1", "kind": "X", "i": int64(8080), "octal": int64(420), "f": 1.5, "b": true, "yes": "yes", "n": nil,
				"date": "2026-01-02", "quoted": "8080", "base": []any{"a", int64(1)}, "alias": []any{"a", int64(1)},
				"block": "two\nlines\n", "empty": map[string]any{},
			}}},
		},
		{
			name: "list",
			in:   "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n- apiVersion: v1\n  kind: Secret\n",
			want: []object{
				{"a.yaml:4", "", "Pod", map[string]any{"apiVersion": "v1", "kind": "Pod"}},
				{"a.yaml:6", "", "Secret", map[string]any{"apiVersion": "v1", "kind": "Secret"}},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []object
			for _, o := range parse(t, tc.in) {
				got = append(got, object{o.Where(), o.Group(), o.Kind(), o.Content})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"no YAML", "a: [\n", "a.yaml: parsing YAML: yaml: line 1: did not find expected node content"},
		{"no object", "---\n- a\n", "a.yaml:2: a document must be a Kubernetes object"},
		{"no kind", "\napiVersion: v1\n", "a.yaml:2: kind is missing"},
		{"no apiVersion", "kind: Pod\n", "a.yaml:1: apiVersion is missing"},
		{"key twice", "apiVersion: v1\nkind: Pod\nspec:\n  a: 1\n  a: 2\n", `a.yaml:5: key "a" is there twice`},
		{"merge key", "apiVersion: v1\nkind: Pod\nb: &b {c: 1}\nd:\n  <<: *b\n", "a.yaml:5: merge keys are not supported"},
		{"not a number", "apiVersion: v1\nkind: Pod\na: .nan\n", `a.yaml:3: ".nan" has no form in JSON`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := manifest.Parse(manifest.File{Short: "a.yaml", Data: []byte(tc.in)})
			if err == nil {
				t.Fatal("got no error")
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

const deployment = `apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: gateway
        image: gateway
      - name: sidecar
      initContainers:
      - image: "gatewy"
`

func TestImages(t *testing.T) {
	pod := []manifest.Image{{Name: "a", Line: 4}}
	for _, tc := range []struct {
		name, in string
		want     []manifest.Image
	}{
		{"deployment", deployment, []manifest.Image{{"gateway", 8}, {"", 9}, {"gatewy", 11}}},
		{"pod", "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{image: a}]\n", pod},
		{"pod template", "apiVersion: v1\nkind: PodTemplate\ntemplate:\n  spec: {containers: [{image: a}]}\n", pod},
		{"job", "apiVersion: batch/v1\nkind: Job\nspec: {template: {spec: {\n  containers: [{image: a}]}}}\n", pod},
		{"cron job", "apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {\n  containers: [{image: a}]}}}}}\n", pod},
		{"foreign kind of the same name", "apiVersion: example.com/v1\nkind: Pod\nspec:\n  containers: [{image: a}]\n", nil},
		{"config map", "apiVersion: v1\nkind: ConfigMap\ndata:\n  image: a\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parse(t, tc.in)[0].Images(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("images (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckImages(t *testing.T) {
	err := manifest.CheckImages(parse(t, deployment), []string{"gateway", "datastorage"})
	want := `a.yaml:9: image "" is not an image of this suite; it has gateway, datastorage
a.yaml:11: image "gatewy" is not an image of this suite; it has gateway, datastorage`
	if err == nil || err.Error() != want {
		t.Errorf("error (-want +got):\n%s", cmp.Diff(want, err.Error()))
	}
	if err := manifest.CheckImages(parse(t, deployment), []string{"gateway", "gatewy", ""}); err != nil {
		t.Errorf("complete suite: %v", err)
	}
}
