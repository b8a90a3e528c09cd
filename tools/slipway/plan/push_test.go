package plan_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func TestDecodePush(t *testing.T) {
	const good = `{"version":1,"label":"//services:push","registry":"ghcr.io/k","images":[{"name":"gateway","label":"//services/gateway:image","descriptor":"_main/d.json"}]}`
	got, err := plan.DecodePush("push.json", []byte(good))
	want := plan.Push{Version: 1, Label: "//services:push", Registry: "ghcr.io/k", Images: []plan.Image{
		{Name: "gateway", Label: "//services/gateway:image", Descriptor: "_main/d.json"},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("got %v, push (-want +got):\n%s", err, diff)
	}
	if !plan.IsPush([]byte(good)) || plan.IsPush([]byte(`{"version":1,"suites":[]}`)) {
		t.Error("a push is not told from a set")
	}
	for data, want := range map[string]string{
		`[]`:                                   `reading plan "push.json": it must be a JSON object, got array`,
		`{"version":1,"label":"x"}`:            `reading plan "push.json": label must be a Bazel label, got "x"`,
		`{"version":1,"label":"//x","tag":""}`: `reading plan "push.json": json: unknown field "tag"`,
		`{"version":1,"label":"//x","registry":"GHCR.io"}`:                        `reading plan "push.json": registry must be lower case, got "GHCR.io"`,
		`{"version":1,"label":"//x","registry":"ghcr.io/k"}`:                      `reading plan "push.json": images and indexes are empty`,
		`{"version":1,"label":"//x","registry":"ghcr.io/k","images":[{}]}`:        `reading plan "push.json": images[0]: name must be a repository name in lower case, got ""`,
		`{"version":2,"label":"//x","registry":"ghcr.io/k","layers":"elsewhere"}`: `reading plan "push.json": version is 2, this slipway reads version 1`,
	} {
		_, err := plan.DecodePush("push.json", []byte(data))
		var bad *plan.InputError
		if !errors.As(err, &bad) || bad.Message != want {
			t.Errorf("%s: got %v, want %q", data, err, want)
		}
	}
}

func TestDecidePush(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   plan.PushInput
		line string
		tags []string
	}{
		{"nothing given", plan.PushInput{}, "destination: ghcr.io/k, because neither --registry nor IMAGE_REGISTRY names another one; no tag", nil},
		{
			"variables", plan.PushInput{VariableRegistry: "localhost:5001/k", VariableTag: "t1"},
			"destination: localhost:5001/k, because IMAGE_REGISTRY is set; tag t1", []string{"t1"},
		},
		{"one variable", plan.PushInput{VariableRegistry: "localhost:5001/k"}, "destination: localhost:5001/k, because IMAGE_REGISTRY is set; no tag", nil},
		{
			"flags above variables", plan.PushInput{Registry: "r.io/f", Tags: []string{"b", "a", "b"}, VariableRegistry: "?", VariableTag: "?"},
			"destination: r.io/f, because --registry names it; tag b, a", []string{"b", "a"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.in.Default = "ghcr.io/k"
			got, err := plan.DecidePush(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.tags, got.Tags); got.String() != tc.line || diff != "" {
				t.Errorf("got %q, want %q; tags (-want +got):\n%s", got, tc.line, diff)
			}
		})
	}
}

func TestDecidePushRefuses(t *testing.T) {
	unset := "unset IMAGE_REGISTRY IMAGE_TAG"
	for _, tc := range []struct {
		in   plan.PushInput
		want plan.InputError
	}{
		{plan.PushInput{Registry: "http://r.io/K"}, plan.InputError{Message: `--registry must not have a scheme, got "http://r.io/K"`, Hints: []string{"--registry=r.io/k"}}},
		{plan.PushInput{Registry: "me:hunter2@r.io"}, plan.InputError{Message: `--registry must not hold credentials or a digest (@)`, Hints: []string{"--registry=localhost:5001/kubernaut"}}},
		{plan.PushInput{Registry: "r.io", Tags: []string{"ok", "a/b"}}, plan.InputError{Message: `--tag must be letters, digits, '_', '.' and '-', and must not begin with '.' or '-', got "a/b"`, Hints: []string{"--tag=a-b"}}},
		{plan.PushInput{VariableRegistry: "k"}, plan.InputError{Message: `IMAGE_REGISTRY must begin with a host: "k" has neither dot nor port, got "k"`, Hints: []string{"export IMAGE_REGISTRY=localhost:5001/kubernaut", unset}}},
		{plan.PushInput{Default: "r.io", VariableTag: ".x"}, plan.InputError{Message: `IMAGE_TAG must be letters, digits, '_', '.' and '-', and must not begin with '.' or '-', got ".x"`, Hints: []string{"export IMAGE_TAG=x", unset}}},
		{plan.PushInput{Tags: []string{"a"}}, plan.InputError{
			Message: "neither --registry nor IMAGE_REGISTRY says where to", Hints: []string{"--registry=localhost:5001/kubernaut", "export IMAGE_REGISTRY=localhost:5001/kubernaut"},
		}},
	} {
		_, err := plan.DecidePush(tc.in)
		var bad *plan.InputError
		if !errors.As(err, &bad) {
			t.Fatalf("%+v: got %v, want an InputError", tc.in, err)
		}
		if diff := cmp.Diff(&tc.want, bad); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tc.in, diff)
		}
	}
}
