package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
)

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
