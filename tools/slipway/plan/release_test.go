package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const sha = "0123456789abcdef0123456789abcdef01234567"

func TestDecodeRelease(t *testing.T) {
	const good = `{"version":1,"label":"//services:release","from":"ghcr.io/k","to":"quay.io/k","services":[{"name":"gateway","label":"//services/gateway:index","descriptor":"_main/i.json","sboms":{"linux/amd64":"_main/s.json"}}]}`
	got, err := plan.DecodeRelease("r.json", []byte(good))
	want := plan.Release{Version: 1, Label: "//services:release", From: "ghcr.io/k", To: "quay.io/k", Services: []plan.Released{
		{Name: "gateway", Label: "//services/gateway:index", Descriptor: "_main/i.json", SBOMs: map[string]string{"linux/amd64": "_main/s.json"}},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("got %v, release (-want +got):\n%s", err, diff)
	}
	if !plan.IsRelease([]byte(good)) || plan.IsRelease([]byte(`{"version":1,"registry":"ghcr.io/k"}`)) || plan.IsPush([]byte(good)) {
		t.Error("a release is not told from a push")
	}
	for edit, want := range map[string]string{
		`"//services:release" "services"`: `label must be a Bazel label, got "services"`,
		`"quay.io/k" "Quay.io/k"`:         `to must be lower case, got "Quay.io/k"`,
		`"ghcr.io/k" "https://ghcr.io/k"`: `from must not have a scheme, got "https://ghcr.io/k"`,
		`"gateway" "Gateway"`:             `images[0]: name must be a repository name in lower case, got "Gateway"`,
		`"_main/s.json" "/s.json"`:        `SBOM of gateway for linux/amd64 must be a path below the runfiles, got "/s.json"`,
	} {
		old, new, _ := strings.Cut(edit, " ")
		_, err := plan.DecodeRelease("r.json", []byte(strings.Replace(good, old, new, 1)))
		var bad *plan.InputError
		if !errors.As(err, &bad) || bad.Message != `reading plan "r.json": `+want {
			t.Errorf("%s: got %v, want %q", edit, err, want)
		}
	}
}

func TestDecideRelease(t *testing.T) {
	standard := plan.Release{From: "ghcr.io/k", To: "quay.io/k"}
	for _, tc := range []struct {
		name, want string
		in         plan.ReleaseInput
	}{
		{"a flag", "release: v1.2.3 to quay.io/k, from what CI tested as main-0123456789ab-all in ghcr.io/k", plan.ReleaseInput{Version: "v1.2.3", Commit: sha, Revision: strings.Repeat("f", 40)}},
		{"the variable", "release: v1.2.3-rc.1 to quay.io/k, from what CI tested as main-0123456789ab-all in ghcr.io/k", plan.ReleaseInput{Version: "v1.2.3-rc.1", Revision: sha}},
		{"all flags", "release: v0.0.0 to localhost:2/b, from what CI tested as pr-7 in localhost:1/a", plan.ReleaseInput{Version: "v0.0.0", From: "localhost:1/a", To: "localhost:2/b", Tag: "pr-7"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.in.Plan = standard
			got, err := plan.DecideRelease(tc.in)
			if err != nil || got.String() != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestDecideReleaseRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, message, hint string
		edit                func(*plan.ReleaseInput)
	}{
		{"no version", `--version must be v and three numbers, such as v1.2.3 or v1.2.3-rc.1, got ""`, "--version=v1.2.3", func(in *plan.ReleaseInput) { in.Version = "" }},
		{"no v", `got "1.4.0"`, "--version=v1.4.0", func(in *plan.ReleaseInput) { in.Version = "1.4.0" }},
		{"two numbers", `got "v1.4"`, "--version=v1.2.3", func(in *plan.ReleaseInput) { in.Version = "v1.4" }},
		{"a leading zero", `got "v1.04.0"`, "--version=v1.2.3", func(in *plan.ReleaseInput) { in.Version = "v1.04.0" }},
		{"build metadata", `got "v1.4.0+5"`, "--version=v1.2.3", func(in *plan.ReleaseInput) { in.Version = "v1.4.0+5" }},
		{"a shell's characters", `got "v1.4.0;rm"`, "--version=v1.2.3", func(in *plan.ReleaseInput) { in.Version = "v1.4.0;rm" }},
		{"a branch", `got "main"`, "--version=v1.2.3", func(in *plan.ReleaseInput) { in.Version = "main" }},
		{"upper case", `--to must be lower case, got "quay.io/Org"`, "--to=quay.io/org", func(in *plan.ReleaseInput) { in.To = "quay.io/Org" }},
		{"a scheme", `--from must not have a scheme, got "https://ghcr.io/k"`, "--from=ghcr.io/k", func(in *plan.ReleaseInput) { in.From = "https://ghcr.io/k" }},
		{"a password", `--to must not hold credentials or a digest (@)`, "--to=localhost:5001/kubernaut", func(in *plan.ReleaseInput) { in.To = "me:secret@quay.io/org" }},
		{"nothing tested", `neither --commit nor --tag nor GITHUB_SHA says what CI has tested`, "--commit=$(git rev-parse HEAD)", func(in *plan.ReleaseInput) { in.Commit = "" }},
		{"a short commit", `the commit must have 40 hexadecimal digits, got "0123456"`, "--commit=$(git rev-parse HEAD)", func(in *plan.ReleaseInput) { in.Commit = sha[:7] }},
		{"an impossible tag", `--tag must be letters`, "--tag=a-b", func(in *plan.ReleaseInput) { in.Tag = "a b" }},
		{"one registry", `--from and --to are both quay.io/k`, "--to=quay.io/kubernaut", func(in *plan.ReleaseInput) { in.From = "quay.io/k" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := plan.ReleaseInput{Version: "v1.2.3", Commit: sha, Plan: plan.Release{From: "ghcr.io/k", To: "quay.io/k"}}
			tc.edit(&in)
			_, err := plan.DecideRelease(in)
			var bad *plan.InputError
			if !errors.As(err, &bad) || !strings.Contains(bad.Message, tc.message) || bad.Hints[0] != tc.hint {
				t.Errorf("got %#v, want %q with the hint %q", err, tc.message, tc.hint)
			}
		})
	}
}
