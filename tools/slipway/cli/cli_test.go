package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func TestComplain(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		code int
		want string
	}{
		{"plain", errors.New("no luck"), 3, "slipway: error: no luck\n"},
		{"joined", errors.Join(errors.New("a"), nil, errors.New("b\n\n  c")), 3, "slipway: error: a; b; c\n"},
		{
			"details", fault.New(fault.Delivery, errors.New("a not ready: Error\n    pod/a event: x\n    pod/a log: y\nb not ready: Error\n    pod/b log: z"), "one"), 3,
			"slipway: error: a not ready: Error; b not ready: Error\n  pod/a event: x\n  pod/a log: y\n  pod/b log: z\nslipway: hint: one\n",
		},
		{
			"three hints", fault.New(fault.TestsFailed, errors.New("x"), "one", "two", "three"), 1,
			"slipway: error: x\nslipway: hint: one\nslipway: hint: two\n",
		},
		{"input", fmt.Errorf("wrapped: %w", &plan.InputError{Message: "bad", Hints: []string{"good"}}), 2, "slipway: error: wrapped: bad\nslipway: hint: good\n"},
		{
			"denied", &registry.DeniedError{Label: "//a", Repository: "ghcr.io/o/a", Status: 403}, 3,
			"slipway: error: pushing //a to ghcr.io/o/a: 403 Forbidden\nslipway: hint: docker login ghcr.io\nslipway: hint: tools/bazelw run //tools/slipway -- --destination=kind\n",
		},
		{
			"unreachable", &registry.UnreachableError{Label: "//a", Repository: "r.io/a", Detail: "no route"}, 3,
			"slipway: error: pushing //a to r.io/a: no route\nslipway: hint: tools/bazelw run //tools/slipway -- --destination=kind\nslipway: hint: unset IMAGE_REGISTRY IMAGE_TAG\n",
		},
		{
			"flag of a suite", &suiteError{error: fmt.Errorf("wrapped: %w", &plan.InputError{Message: "bad", Hints: []string{"--fresh", "ls --all"}}), label: "//test/e2e:a"}, 2,
			"slipway: error: wrapped: bad\nslipway: hint: tools/bazelw run //test/e2e:a -- --fresh\nslipway: hint: ls --all\n",
		},
		{
			"push denied", &suiteError{error: &registry.DeniedError{Label: "//a", Repository: "ghcr.io/o/a", Status: 403}, label: "//services:push", pushes: true}, 3,
			"slipway: error: pushing //a to ghcr.io/o/a: 403 Forbidden\nslipway: hint: docker login ghcr.io\nslipway: hint: tools/bazelw run //services:push -- --registry=localhost:5001/kubernaut\n",
		},
		{
			"full disk", fault.New(fault.Delivery, fmt.Errorf("writing lease: %w", &fs.PathError{Op: "write", Path: "/x/lease.json", Err: syscall.ENOSPC}), "ls -R /x"), 3,
			"slipway: error: writing lease: write /x/lease.json: no space left on device\nslipway: hint: df -h /x\n",
		},
		{
			"corrupt", fmt.Errorf("streaming a blob of //a: %w", &source.CorruptError{Blob: plan.Blob{Digest: "sha256:0", Size: 1}, Problem: "more than 1 bytes"}), 3,
			"slipway: error: streaming a blob of //a: blob sha256:0 is corrupt: more than 1 bytes\nslipway: hint: tools/bazelw clean\n",
		},
		{
			"missing", &source.MissingError{Blob: plan.Blob{Digest: "sha256:0", Size: 1}, Label: "//a"}, 3,
			"slipway: error: blob sha256:0 of 1 bytes is nowhere to be found\n" +
				"slipway: hint: tools/bazelw build --remote_download_outputs=toplevel //a\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got bytes.Buffer
			complain(&got, tc.err, "")
			if diff := cmp.Diff(tc.want, got.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if got := code(t.Context(), tc.err); got != tc.code {
				t.Errorf("got exit code %d, want %d", got, tc.code)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	for _, tc := range []struct{ args, mine, test []string }{
		{nil, nil, nil},
		{[]string{"--fresh"}, []string{"--fresh"}, nil},
		{[]string{"--fresh", "--", "-test.run=x", "--", "y"}, []string{"--fresh"}, []string{"-test.run=x", "--", "y"}},
		{[]string{"--", "-test.v"}, []string{}, []string{"-test.v"}},
	} {
		mine, test := split(tc.args)
		if diff := cmp.Diff([][]string{tc.mine, tc.test}, [][]string{mine, test}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.args, diff)
		}
	}
}

func TestWithPort(t *testing.T) {
	for host, want := range map[string]string{"localhost:5001": "localhost:5001", "localhost": "localhost:80", "[::1]": "[::1]:80", "[::1]:5000": "[::1]:5000"} {
		if got := withPort(host); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

func TestPullSecret(t *testing.T) {
	login := func(c authn.AuthConfig) authn.Keychain { return keys{authn.FromConfig(c)} }
	for _, tc := range []struct {
		name, repository string
		keychain         authn.Keychain
		want             string
	}{
		{"anonymous", "ghcr.io/o/a", keys{authn.Anonymous}, ""},
		{"password", "ghcr.io/o/a", login(authn.AuthConfig{Username: "me", Password: "pw"}), `{"auths":{"ghcr.io":{"auth":"bWU6cHc="}}}`},
		{"Docker Hub", "docker.io/o/a", login(authn.AuthConfig{Username: "me", Password: "pw"}), `{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cHc="}}}`},
		{"token that nodes cannot use", "ghcr.io/o/a", login(authn.AuthConfig{IdentityToken: "x"}), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := pullSecret(t.Context(), tc.keychain, tc.repository)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

type keys struct{ authn.Authenticator }

func (k keys) Resolve(authn.Resource) (authn.Authenticator, error) { return k.Authenticator, nil }

// No address of a bridge: names, loopback, and what is not this machine's.
func TestBridgeHostsRefuses(t *testing.T) {
	for _, repository := range []string{"ghcr.io/o", "localhost:5001/k", "127.0.0.1:5000", "[::1]:5000/k", "192.0.2.1:5000/k"} {
		if got := bridgeHosts(repository); got != nil {
			t.Errorf("%q: got %v, want none", repository, got)
		}
	}
}

func TestOutputDirKeepsTheLastRuns(t *testing.T) {
	state := t.TempDir()
	runs := filepath.Join(state, "runs", "gateway")
	ended := exec.Command("true") // its process id is nobody's any more
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	old := []string{fmt.Sprintf("20260201T115900-%d", os.Getpid())} // the oldest, and under way
	for i := range keptRuns + 2 {
		old = append(old, fmt.Sprintf("20260201T12%02d00-%d", i, ended.Process.Pid))
	}
	for _, name := range old {
		if err := os.MkdirAll(filepath.Join(runs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(string) string { return "" }
	dir, err := outputDir(options{}, nothing, state, "gateway", time.Date(2026, 2, 1, 13, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	want := append(append(old[:1:1], old[len(old)-keptRuns+1:]...), filepath.Base(dir))
	entries, err := os.ReadDir(runs)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestStateDir(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"KUBERNAUT_CACHE": dir + "/k", "XDG_CACHE_HOME": dir + "/x", "HOME": dir + "/h"}, dir + "/k/slipway"},
		{map[string]string{"XDG_CACHE_HOME": dir + "/x", "HOME": dir + "/h"}, dir + "/x/kubernaut/slipway"},
		{map[string]string{"HOME": dir + "/h"}, dir + "/h/.cache/kubernaut/slipway"},
	} {
		if got, err := stateDir(func(name string) string { return tc.env[name] }); err != nil || got != tc.want {
			t.Errorf("%v: got %q, %v; want %q", tc.env, got, err, tc.want)
		}
	}
}
