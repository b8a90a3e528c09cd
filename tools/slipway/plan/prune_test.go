package plan_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func TestDecodePrune(t *testing.T) {
	want := plan.Prune{Version: 1, Label: "//services:prune", Registry: "ghcr.io/k", Repositories: []string{"gateway", "datastorage"}}
	for name, data := range map[string]string{
		"repositories": `{"version":1,"label":"//services:prune","registry":"ghcr.io/k","repositories":["gateway","datastorage"]}`,
		"push": `{"version":1,"label":"//services:prune","registry":"ghcr.io/k","images":[
			{"name":"gateway","label":"//a","descriptor":"_main/a.json"},{"name":"datastorage","label":"//b","descriptor":"_main/b.json"}]}`,
	} {
		got, err := plan.DecodePrune("prune.json", []byte(data))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: got %v, plan (-want +got):\n%s", name, err, diff)
		}
	}
	for data, want := range map[string]string{
		`[]`: `reading plan "prune.json": it must be a JSON object, got array`,
		`{"version":1,"label":"//x","registry":"ghcr.io/k","repositories":[]}`:             `reading plan "prune.json": repositories is empty`,
		`{"version":1,"label":"//x","registry":"ghcr.io/k","repositories":["Gateway"]}`:    `reading plan "prune.json": repositories[0] must be a repository name in lower case, got "Gateway"`,
		`{"version":1,"label":"//x","registry":"ghcr.io/K","repositories":["gateway"]}`:    `reading plan "prune.json": registry must be lower case, got "ghcr.io/K"`,
		`{"version":1,"label":"x","registry":"ghcr.io/k","repositories":["gateway"]}`:      `reading plan "prune.json": label must be a Bazel label, got "x"`,
		`{"version":2,"label":"//x","registry":"ghcr.io/k","repositories":["a"],"more":1}`: `reading plan "prune.json": version is 2, this slipway reads version 1`,
	} {
		_, err := plan.DecodePrune("prune.json", []byte(data))
		var bad *plan.InputError
		if !errors.As(err, &bad) || bad.Message != want {
			t.Errorf("%s: got %v, want %q", data, err, want)
		}
	}
}

func TestCheckImage(t *testing.T) {
	for name, hint := range map[string]string{"gateway": "", "a/b-c": "", "Gateway": "--image=gateway", "a;b": "--image=gateway", "": "--image=gateway", "../a": "--image=gateway"} {
		err := plan.CheckImage("--image", name)
		var bad *plan.InputError
		if errors.As(err, &bad) != (hint != "") || bad != nil && bad.Hints[0] != hint {
			t.Errorf("%q: got %v, want hint %q", name, err, hint)
		}
	}
}

func TestIsTag(t *testing.T) {
	for tag, good := range map[string]bool{"pr-1": true, "v1.2_x": true, "": false, "a b": false, "$(x)": false, "../x": false, "a/b": false} {
		if plan.IsTag(tag) != good {
			t.Errorf("%q: got %v", tag, !good)
		}
	}
}
