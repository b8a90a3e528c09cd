package bundle_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/bundle"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// unpacked makes a bundle's folder with a bundle.json, unless that is "".
func unpacked(t *testing.T, contents string) (program string) {
	t.Helper()
	dir := t.TempDir()
	program = filepath.Join(dir, bundle.Program)
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if contents != "" {
		if err := os.WriteFile(filepath.Join(dir, bundle.Contents), []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return program
}

func TestOf(t *testing.T) {
	for name, tc := range map[string]struct {
		contents string
		found    bool
		want     string // in the error
	}{
		"bundle":        {`{"version":1,"label":"//a:b.bundle","plan":"_main/b.plan.json"}`, true, ""},
		"no bundle":     {"", false, ""},
		"cut short":     {`{"version":1,"label":"//a:b`, false, "unexpected EOF"},
		"later version": {`{"version":2,"label":"//a:b.bundle","plan":"b"}`, false, "version must be 1, got 2"},
		"unknown field": {`{"version":1,"label":"//a:b.bundle","plan":"b","layers":1}`, false, `unknown field "layers"`},
		"plan outside":  {`{"version":1,"label":"//a:b.bundle","plan":"../b"}`, false, `got "//a:b.bundle" and "../b"`},
	} {
		t.Run(name, func(t *testing.T) {
			b, found, err := bundle.Of(unpacked(t, tc.contents))
			if found != tc.found || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v, %t and error %v, want %t and %q", b, found, err, tc.found, tc.want)
			}
			if found && b.Plan != "_main/b.plan.json" {
				t.Errorf("plan: got %q", b.Plan)
			}
		})
	}
}

func TestOfLink(t *testing.T) {
	program := unpacked(t, `{"version":1,"label":"//a:b.bundle","plan":"b"}`)
	link := filepath.Join(t.TempDir(), "slipway")
	if err := os.Symlink(program, link); err != nil {
		t.Fatal(err)
	}
	b, found, err := bundle.Of(link)
	if err != nil || !found || b.Runfiles() != filepath.Join(filepath.Dir(program), bundle.Files) {
		t.Errorf("got %+v, %t and error %v, want the folder of %q", b, found, err, program)
	}
}

func TestCommand(t *testing.T) {
	b := bundle.Bundle{Dir: "/jobs/gateway.bundle"}
	for workDir, want := range map[string]string{
		"/jobs": "gateway.bundle/run", "/jobs/gateway.bundle": "./run", "/": "jobs/gateway.bundle/run", "/other": "/jobs/gateway.bundle/run", "": "/jobs/gateway.bundle/run",
	} {
		if got := b.Command(workDir); got != want {
			t.Errorf("in %q: got %q, want %q", workDir, got, want)
		}
	}
}

// A plan's portable form is the same whether the build had layouts or not.
func TestPortable(t *testing.T) {
	with := plan.Plan{
		Version: 1, Label: "//a:b", Name: "b", Namespace: "n", Images: []plan.Image{{Name: "i", Label: "//i", Descriptor: "_main/i.json", Layout: "_main/i"}},
		Cluster: plan.Cluster{NodeImage: "_main/n", Config: "_main/k"}, Test: plan.Test{Binary: "_main/t", Timeout: "1m"},
	}
	without := with
	without.Images = []plan.Image{{Name: "i", Label: "//i", Descriptor: "_main/i.json"}}
	var got []string
	for _, p := range []plan.Plan{with, without} {
		data, err := json.MarshalIndent(p, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		portable, err := bundle.Portable("p", data)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(portable))
	}
	if got[0] != got[1] || strings.Contains(got[0], "layout") {
		t.Errorf("got two forms (-with +without layouts):\n%s", cmp.Diff(got[0], got[1]))
	}
	if _, err := plan.Decode("p", []byte(got[0])); err != nil {
		t.Error(err)
	}
	if _, err := bundle.Portable("p", []byte(`{"version":1}`)); err == nil {
		t.Error("half a plan: got no error")
	}
}
