package node

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
)

// The second value is the example of two layers, computed with `printf '%s %s' A B | sha256sum`.
func TestChainIDs(t *testing.T) {
	a := "sha256:" + strings.Repeat("a", 64)
	b := "sha256:" + strings.Repeat("b", 64)
	want := []string{a, "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"}
	if diff := cmp.Diff(want, chainIDs([]string{a, b})); diff != "" {
		t.Errorf("chain ids (-want +got):\n%s", diff)
	}
}

// recorder keeps one command and its input.
type recorder struct {
	cluster.Node
	argv  []string
	input string
}

func (r *recorder) Name() string { return "recorder" }

func (r *recorder) Exec(_ context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	data, err := io.ReadAll(stdin)
	r.argv, r.input = argv, string(data)
	return nil, err
}

func TestTrust(t *testing.T) {
	r := &recorder{}
	if err := Trust(t.Context(), []cluster.Node{r}, "localhost:5001", "http://172.18.0.1:40123"); err != nil {
		t.Fatal(err)
	}
	if got, want := r.argv[len(r.argv)-1], "/etc/containerd/certs.d/localhost:5001"; got != want {
		t.Errorf("folder %q, want %q", got, want)
	}
	want := "server = \"http://172.18.0.1:40123\"\n\n[host.\"http://172.18.0.1:40123\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
	if diff := cmp.Diff(want, r.input); diff != "" {
		t.Errorf("hosts.toml (-want +got):\n%s", diff)
	}
}

func TestTrustRefusesWhatIsNoRegistry(t *testing.T) {
	tests := [][2]string{
		{"../../etc", "http://172.18.0.1:1"}, {"", "http://172.18.0.1:1"}, {"localhost:5001/x", "http://172.18.0.1:1"},
		{"localhost:5001", "172.18.0.1:1"}, {"localhost:5001", "ftp://172.18.0.1:1"}, {"localhost:5001", "http://a\"\n"},
	}
	for _, test := range tests {
		r := &recorder{}
		if err := Trust(t.Context(), []cluster.Node{r}, test[0], test[1]); err == nil || r.argv != nil {
			t.Errorf("Trust(%q, %q) = %v after %q, want an error and no command", test[0], test[1], err, r.argv)
		}
	}
}
