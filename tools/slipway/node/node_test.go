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

func TestParseListing(t *testing.T) {
	text := "# run\n7 1700000000\n# began\n2026-11-23T18:00:00\n# kept\n# images\nregistry.k8s.io/pause:3.10\n# content\nsha256:1\n# snapshots\nKEY PARENT KIND\nsha256:2  Committed\n" +
		"sha256:3 sha256:2 Committed\nextract-1 sha256:2 Active\n# disk\nFilesystem 1024-blocks Used Available Capacity Mounted on\n" +
		"/dev/vda1 1000 400 600 40% /var\n# end\n"
	got, err := parseListing(text)
	if err != nil {
		t.Fatal(err)
	}
	want := listing{records: map[string]bool{"registry.k8s.io/pause:3.10": true}, content: map[string]bool{"sha256:1": true},
		snapshots: map[string]bool{"sha256:2": true, "sha256:3": true}, run: "7 1700000000", device: "/dev/vda1", filesystem: "/dev/vda1 1000", free: 600 << 10,
		began: "2026-11-23T18:00:00", kept: true}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(listing{})); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	if _, err := parseListing(text[:strings.Index(text, "# disk")]); err == nil {
		t.Error("a listing that is cut off is accepted")
	}
}

// recorder keeps one command and its input.
type recorder struct {
	argv  []string
	input string
}

func (r *recorder) Name() string { return "recorder" }

func (r *recorder) Exec(_ context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	data, err := io.ReadAll(stdin)
	r.argv, r.input = argv, string(data)
	return nil, err
}

func (r *recorder) Stream(ctx context.Context, stdin io.Reader, _ io.Writer, argv ...string) error {
	_, err := r.Exec(ctx, stdin, argv...)
	return err
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
