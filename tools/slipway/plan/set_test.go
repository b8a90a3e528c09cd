package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func TestDecodeSet(t *testing.T) {
	want := plan.Set{
		Version: 1, Label: "//test/e2e:all", Name: "all", Suites: []string{"_main/a.plan.json", "_main/b.plan.json"},
		LeftOut: []plan.LeftOut{{Label: "//test/e2e:c", Reason: "another cluster"}},
	}
	data := encode(t, want)
	got, err := plan.DecodeSet("p.json", data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	if !plan.IsSet(data) || plan.IsSet(encode(t, goodPlan())) || plan.IsSet([]byte("no JSON")) {
		t.Error("IsSet: want true for a set alone")
	}
}

func TestDecodeSetRefuses(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"version", `{"version":2,"suites":[]}`, "version is 2, this slipway reads version 1"},
		{"unknown field", `{"version":1,"suites":[],"x":1}`, `unknown field "x"`},
		{"label", `{"version":1,"suites":["a"],"name":"all"}`, `label must be a Bazel label, got ""`},
		{"name", `{"version":1,"suites":["a"],"label":"//a","name":"A"}`, `name must be lower-case letters, digits and dashes, got "A"`},
		{"empty", `{"version":1,"suites":[],"label":"//a","name":"a"}`, "suites is empty"},
		{"path", `{"version":1,"suites":["/a"],"label":"//a","name":"a"}`, `suites[0] must be a path below the runfiles, got "/a"`},
	} {
		_, err := plan.DecodeSet("p.json", []byte(tc.data))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestCheckTogether(t *testing.T) {
	other := func(edit func(*plan.Plan)) []plan.Plan {
		p := goodPlan()
		p.Label, p.Name = "//test/e2e:b", "b"
		edit(&p)
		return []plan.Plan{goodPlan(), p}
	}
	for _, tc := range []struct {
		name  string
		plans []plan.Plan
		want  string
	}{
		{"one", other(func(*plan.Plan) {})[:1], ""},
		{"two", other(func(*plan.Plan) {}), ""},
		{"same name", other(func(p *plan.Plan) { p.Name = "gateway" }), `suites //test/e2e:gateway and //test/e2e:b have the same name "gateway"`},
		{
			"other cluster", other(func(p *plan.Plan) { p.Cluster.Config = "_main/two.yaml" }),
			"suites //test/e2e:gateway and //test/e2e:b want different clusters: _main/kind.yaml with _main/node.json, and _main/two.yaml with _main/node.json",
		},
	} {
		got := ""
		if err := plan.CheckTogether(tc.plans); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}
