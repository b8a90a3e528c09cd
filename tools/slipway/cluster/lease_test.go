package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// fakeHost is a backend that keeps its clusters in memory.
type fakeHost struct {
	calls    []string
	clusters map[string]bool // name → its nodes run
	failures []error         // of the next creations; one that fails leaves nodes behind
	onCreate func()
}

func (h *fakeHost) Create(_ context.Context, name, kubeconfig string, cfg kindConfig) error {
	h.calls = append(h.calls, "create "+name)
	h.clusters[name] = true
	if h.onCreate != nil {
		h.onCreate()
	}
	if len(h.failures) > 0 {
		err := h.failures[0]
		h.failures = h.failures[1:]
		return err
	}
	return os.WriteFile(kubeconfig, []byte("kubeconfig"), 0o600)
}

func (h *fakeHost) Delete(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, ok := h.clusters[name]; ok {
		h.calls = append(h.calls, "delete "+name)
	}
	delete(h.clusters, name)
	return nil
}

func (h *fakeHost) Nodes(_ context.Context, name string) ([]Node, bool, error) {
	running, ok := h.clusters[name]
	if !ok {
		return nil, true, nil
	}
	return []Node{fakeNode(name + "-control-plane")}, running, nil
}

type fakeNode string

func (n fakeNode) Name() string { return string(n) }

func (n fakeNode) Exec(_ context.Context, _ io.Reader, argv ...string) ([]byte, error) {
	if argv[0] == "ip" {
		return []byte("default via 172.18.0.1 dev eth0 \n"), nil
	}
	return []byte(strings.Join(argv, " ")), nil
}

func (n fakeNode) Dial(context.Context, string) (net.Conn, error) { return nil, errors.ErrUnsupported }

func (n fakeNode) Space(context.Context, string) (disk.Space, error) {
	return disk.Space{}, errors.ErrUnsupported
}

func newManager(t *testing.T, host *fakeHost, dir string) *manager {
	t.Helper()
	kind, err := parseKind(nil)
	if err != nil {
		t.Fatal(err)
	}
	always := func(context.Context, string) error { return nil }
	return &manager{
		cfg: Config{Name: "slipway", Dir: dir, Ports: 2, Image: plan.NodeImage{Reference: "kindest/node:v1", Digest: "sha256:1"},
			Progress: progress.Discard()},
		kind: kind, backend: host, healthy: always, settle: func(context.Context, string, int) error { return nil },
	}
}

func mustAcquire(t *testing.T, m *manager) *Lease {
	t.Helper()
	lease, err := m.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lease.Release(context.Background(), true) })
	return lease
}

// Each case starts from a cluster that an earlier run has kept.
func TestAcquireOfAKeptCluster(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, m *manager, h *fakeHost, name string)
		reused bool
	}{
		{"ready", func(*testing.T, *manager, *fakeHost, string) {}, true},
		{"a fresh one is wanted", func(_ *testing.T, m *manager, _ *fakeHost, _ string) { m.cfg.Fresh = true }, false},
		{"fewer ports are needed", func(_ *testing.T, m *manager, _ *fakeHost, _ string) { m.cfg.Ports = 1 }, true},
		{"more ports are needed", func(_ *testing.T, m *manager, _ *fakeHost, _ string) { m.cfg.Ports = 3 }, false},
		{"nodes do not run", func(_ *testing.T, _ *manager, h *fakeHost, name string) { h.clusters[name] = false }, false},
		{"API server is dead", func(_ *testing.T, m *manager, _ *fakeHost, _ string) {
			m.healthy = func(context.Context, string) error { return errors.New("refused") }
		}, false},
		{"no lease", func(t *testing.T, m *manager, _ *fakeHost, name string) { os.Remove(m.path(name, ".json")) }, false},
		{"unreadable lease", func(t *testing.T, m *manager, _ *fakeHost, name string) {
			os.WriteFile(m.path(name, ".json"), []byte("{"), 0o600)
		}, false},
		{"left in use", func(t *testing.T, m *manager, _ *fakeHost, name string) { setState(t, m, name, stateInUse) }, false},
		{"left while created", func(t *testing.T, m *manager, _ *fakeHost, name string) { setState(t, m, name, stateCreating) }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := &fakeHost{clusters: map[string]bool{"slipway-of-someone": true}}
			m := newManager(t, host, t.TempDir())
			first := mustAcquire(t, m)
			if first.Reused {
				t.Error("the first cluster is reused")
			}
			if err := first.Release(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			test.change(t, m, host, first.Name)
			host.calls = nil
			second := mustAcquire(t, m)
			want := []string{"delete " + first.Name, "create " + first.Name}
			if test.reused {
				want = nil
				if diff := cmp.Diff(first.Ports, second.Ports); diff != "" {
					t.Errorf("ports changed (-first +second):\n%s", diff)
				}
			}
			if diff := cmp.Diff(want, host.calls); diff != "" || second.Reused != test.reused {
				t.Errorf("reused %t, want %t; calls (-want +got):\n%s", second.Reused, test.reused, diff)
			}
			if second.Gateway != "172.18.0.1" || len(second.Nodes) != 1 {
				t.Errorf("lease has gateway %q and %d nodes", second.Gateway, len(second.Nodes))
			}
			if !host.clusters["slipway-of-someone"] {
				t.Error("a cluster that is not ours was deleted")
			}
		})
	}
}

func setState(t *testing.T, m *manager, name, value string) {
	t.Helper()
	s, err := m.read(name)
	if err != nil {
		t.Fatal(err)
	}
	s.State = value
	if err := m.write(name, *s); err != nil {
		t.Fatal(err)
	}
}

func TestAcquireTakesTheNextSlot(t *testing.T) {
	host, dir := &fakeHost{clusters: map[string]bool{}}, t.TempDir()
	first := mustAcquire(t, newManager(t, host, dir))
	second := mustAcquire(t, newManager(t, host, dir))
	if want := first.Name + "-1"; second.Name != want {
		t.Errorf("second lease is %q, want %q", second.Name, want)
	}
	for port, host := range first.Ports {
		if second.Ports[port] == host {
			t.Errorf("both clusters have host port %d", host)
		}
	}
}

func TestAcquirePrefersAKeptCluster(t *testing.T) {
	host := &fakeHost{clusters: map[string]bool{}}
	m := newManager(t, host, t.TempDir())
	first, second := mustAcquire(t, m), mustAcquire(t, m)
	if err := errors.Join(first.Release(t.Context(), false), second.Release(t.Context(), true)); err != nil {
		t.Fatal(err)
	}
	third := mustAcquire(t, m)
	if third.Name != second.Name || !third.Reused {
		t.Errorf("got %s, reused %t; want %s, reused", third.Name, third.Reused, second.Name)
	}
}

func TestAcquireWaitsForASlotUntilCancelled(t *testing.T) {
	host, dir := &fakeHost{clusters: map[string]bool{}}, t.TempDir()
	for range slots {
		mustAcquire(t, newManager(t, host, dir))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newManager(t, host, dir).acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want a cancellation", err)
	}
}

func TestReleaseDeletes(t *testing.T) {
	host, dir := &fakeHost{clusters: map[string]bool{}}, t.TempDir()
	m := newManager(t, host, dir)
	lease := mustAcquire(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as after Ctrl-C
	if err := errors.Join(lease.Release(ctx, false), lease.Release(ctx, true)); err != nil {
		t.Fatal(err)
	}
	if len(host.clusters) != 0 {
		t.Errorf("clusters left: %v", host.clusters)
	}
	left, err := filepath.Glob(filepath.Join(dir, "leases", "*"))
	if err != nil || len(left) != 1 || filepath.Ext(left[0]) != ".lock" {
		t.Errorf("files left: %v (%v), want the lock alone", left, err)
	}
}

func TestFailedCreationLeavesNothing(t *testing.T) {
	taken := errors.New("docker run: Bind for 127.0.0.1:1 failed: port is already allocated")
	tests := []struct {
		name     string
		failures []error
		creates  int
		ok       bool
	}{
		{"another cause", []error{errors.New("kubeadm init")}, 1, false},
		{"port taken once", []error{taken}, 2, true},
		{"port taken always", []error{taken, taken, taken, taken}, portAttempts, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := &fakeHost{clusters: map[string]bool{}, failures: test.failures}
			m := newManager(t, host, t.TempDir())
			m.cfg.Logs = t.TempDir()
			lease, err := m.acquire(t.Context())
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want success %t", err, test.ok)
			}
			if got := strings.Count(strings.Join(host.calls, "\n"), "create "); got != test.creates {
				t.Errorf("%d creations, want %d", got, test.creates)
			}
			if test.ok {
				lease.Release(t.Context(), true)
				return
			}
			if s, err := m.read(m.name(0)); s != nil || err != nil || len(host.clusters) != 0 {
				t.Errorf("left: lease %v (%v), clusters %v", s, err, host.clusters)
			}
			kubelet := filepath.Join(m.cfg.Logs, m.name(0), m.name(0)+"-control-plane", "kubelet.log")
			if data, err := os.ReadFile(kubelet); err != nil || !strings.Contains(string(data), "kubelet.service") {
				t.Errorf("log of the failed node: %q (%v)", data, err)
			}
		})
	}
}

func TestCancelledCreationLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	host := &fakeHost{clusters: map[string]bool{}, onCreate: cancel, failures: []error{context.Canceled}}
	m := newManager(t, host, t.TempDir())
	if _, err := m.acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want a cancellation", err)
	}
	if s, _ := m.read(m.name(0)); s != nil || len(host.clusters) != 0 {
		t.Errorf("left: lease %v, clusters %v", s, host.clusters)
	}
}

func TestFailedWriteLeavesTheOldLease(t *testing.T) {
	m := newManager(t, &fakeHost{}, t.TempDir())
	if err := os.MkdirAll(filepath.Join(m.path("x", ".json"), "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.write("x", state{}); err == nil {
		t.Error("got no error")
	}
	entries, err := os.ReadDir(filepath.Join(m.cfg.Dir, "leases"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "x.json" {
		t.Errorf("got %v, %v, want x.json alone", entries, err)
	}
}

func TestNameFollowsConfiguration(t *testing.T) {
	base := newManager(t, nil, "/x")
	for name, change := range map[string]func(*Config){
		"kind configuration": func(c *Config) { c.Kind = []byte("kind: Cluster") },
		"node image":         func(c *Config) { c.Image.Digest = "sha256:2" },
		"state folder":       func(c *Config) { c.Dir = "/y" },
	} {
		other := newManager(t, nil, "/x")
		change(&other.cfg)
		if base.name(0) == other.name(0) {
			t.Errorf("another %s has the same name %q", name, base.name(0))
		}
	}
	same := newManager(t, nil, "/x")
	same.cfg.Fresh = true
	if base.name(0) != same.name(0) {
		t.Errorf("the name depends on what does not make the cluster: %q, %q", base.name(0), same.name(0))
	}
}
