package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwns(t *testing.T) {
	e := &Engine{Dir: "/cache/engine"}
	tests := []struct {
		name string
		argv []string
		want bool
	}{
		{"ours", []string{"/usr/sbin/dockerd", "--config-file=/cache/engine/daemon.json"}, true},
		{"of another folder", []string{"/usr/sbin/dockerd", "--config-file=/other/engine/daemon.json"}, false},
		{"the system's", []string{"/usr/sbin/dockerd", "-H", "fd://"}, false},
		{"a reused number", []string{"vi", "--config-file=/cache/engine/daemon.json"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			proc := t.TempDir()
			write(t, filepath.Join(proc, "7/cmdline"), strings.Join(tt.argv, "\x00")+"\x00")
			if got := e.owns(proc, 7); got != tt.want {
				t.Errorf("owns = %v, want %v", got, tt.want)
			}
		})
	}
	if e.owns(t.TempDir(), 7) {
		t.Error("a process that is gone is owned")
	}
}

func TestPIDFile(t *testing.T) {
	for _, content := range []string{"", "x", "-1", "0", "1", fmt.Sprint(os.Getpid())} {
		e := &Engine{Dir: t.TempDir()}
		write(t, e.path("dockerd.pid"), content)
		if pid, running := e.pid(); running {
			t.Errorf("pid file %q names the running dockerd %d", content, pid)
		}
	}
}

func TestChildren(t *testing.T) {
	e := &Engine{Dir: "/cache/engine"}
	proc := t.TempDir()
	for pid, argv := range map[string][]string{
		"11": {"containerd", "--config", "/cache/engine/exec/containerd/containerd.toml"},
		"12": {"/usr/bin/containerd-shim-runc-v2", "-address", "/cache/engine/exec/containerd/containerd.sock"},
		"13": {"/usr/bin/containerd-shim-runc-v2", "-address", "/run/containerd/containerd.sock"},
		"14": {"tail", "/cache/engine/exec/containerd/log"},
	} {
		write(t, filepath.Join(proc, pid, "cmdline"), strings.Join(argv, "\x00"))
	}
	got, err := e.children(proc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{11, 12}, got); diff != "" {
		t.Errorf("children (-want +got):\n%s", diff)
	}
}

func TestMountsBelow(t *testing.T) {
	mountinfo := `21 1 254:0 / / rw - ext4 /dev/vda rw
30 21 0:5 / /cache/engine/data/overlay2/x/merged rw - overlay overlay rw
31 21 0:6 / /cache/engine/exec/netns/1 rw - nsfs nsfs rw
32 21 0:7 / /cache/engine/database rw - tmpfs tmpfs rw
`
	got := mountsBelow(mountinfo, "/cache/engine/data", "/cache/engine/exec")
	want := []string{"/cache/engine/exec/netns/1", "/cache/engine/data/overlay2/x/merged"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mountsBelow (-want +got):\n%s", diff)
	}
}

func TestUndo(t *testing.T) {
	rules := `-P FORWARD DROP
-N DOCKER-USER
-N DOCKER
-N MINE
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j ACCEPT
-A FORWARD -o br-0123456789ab -j ACCEPT
-A FORWARD -o br-another -j ACCEPT
-A FORWARD -j MINE
-A DOCKER-USER -o eth0 -j REJECT --reject-with icmp-admin-prohibited
-A MINE -j ACCEPT`
	want := [][]string{
		{"-D", "FORWARD", "-j", "DOCKER-USER"}, {"-D", "FORWARD", "-o", "docker0", "-j", "ACCEPT"},
		{"-D", "FORWARD", "-o", "br-0123456789ab", "-j", "ACCEPT"},
		{"-F", "DOCKER"}, {"-X", "DOCKER"}, {"-F", "DOCKER-USER"}, {"-X", "DOCKER-USER"},
	}
	if diff := cmp.Diff(want, undo(rules, []string{"docker0", "br-0123456789ab"})); diff != "" {
		t.Errorf("undo (-want +got):\n%s", diff)
	}
}

// kind's own name for it: https://pkg.go.dev/sigs.k8s.io/kind/pkg/cluster (internal/providers/docker, clusterLabelKey).
func TestClusterLabelIsKinds(t *testing.T) {
	if want := "io.x-k8s.kind.cluster"; clusterLabel != want {
		t.Errorf("clusterLabel is %q, kind labels its nodes %q", clusterLabel, want)
	}
}

func TestClusterNames(t *testing.T) {
	nodes := []container{
		{ID: "1", Labels: map[string]string{clusterLabel: "b"}},
		{ID: "2", Labels: map[string]string{clusterLabel: "a"}},
		{ID: "3", Labels: map[string]string{clusterLabel: "b"}},
	}
	err := &RunningError{Clusters: clusterNames(nodes)}
	if want := "clusters exist: a, b; "; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q lacks %q", err, want)
	}
}

func TestExecRootFitsASocketPath(t *testing.T) {
	for _, dir := range []string{"/cache/engine", "/" + strings.Repeat("long/", 30) + "engine"} {
		root := (&Engine{Dir: dir}).execRoot()
		if path := root + "/containerd/containerd-debug.sock.ttrpc"; len(path) >= socketPathMax {
			t.Errorf("execRoot of %q gives a socket path of %d bytes", dir, len(path))
		}
	}
}

func TestStatusWithoutAnEngine(t *testing.T) {
	got, err := (&Engine{Dir: t.TempDir(), Host: "unix:///nonexistent/s"}).Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if want := "container engine: not running"; got.String() != want {
		t.Errorf("Status = %q, want %q", got, want)
	}
}
