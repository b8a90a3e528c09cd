package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// install puts shell scripts under the engines' names into a folder that becomes PATH.
func install(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

func TestDetect(t *testing.T) {
	dead := "echo 'Cannot connect to the Docker daemon' >&2; exit 1"
	denied := "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1"
	tests := []struct {
		name    string
		scripts map[string]string
		engine  string
		hook    string
		want    engine
		err     string
		hint    string
		code    int
	}{
		{"docker", map[string]string{"docker": "echo 28", "podman": "echo 5"}, "", "", "docker", "", "", 0},
		{"docker is dead", map[string]string{"docker": dead, "podman": "echo 5"}, "", "", "podman", "", "", 0},
		{"podman is wanted", map[string]string{"docker": "echo 28", "podman": "echo 5"}, "podman", "", "podman", "", "", 0},
		{"nothing answers", map[string]string{"docker": dead}, "", "", "",
			"no container engine answers (docker: Cannot connect to the Docker daemon; podman: not installed)", "tools/bazelw --engine start", fault.Delivery},
		{"podman alone is wanted", map[string]string{"docker": "echo 28"}, "podman", "", "", "no container engine answers (podman: not installed)", "--engine=docker", fault.Delivery},
		{"no permission", map[string]string{"docker": denied, "podman": "echo 5"}, "", "", "",
			"connecting to docker: permission denied", "sudo usermod -aG docker $USER && newgrp docker", fault.Delivery},
		{"unknown", nil, "nerdctl", "", "", `container engine "nerdctl" is not supported`, "--engine=docker", fault.Usage},
		{"hook starts it", map[string]string{"docker": `[ -e "$0.up" ] && echo 28 || exit 1`}, "", `: >"$0.up"`, "docker", "", "", 0},
		{"hook fails without a word", map[string]string{"docker": dead}, "", "exit 7", "", "docker\": exit status 7\n", "", fault.Delivery},
		{"hook fails", map[string]string{"docker": dead}, "", "echo no room >&2; exit 7", "", "exit status 7: no room", "", fault.Delivery},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := install(t, test.scripts)
			cfg := Config{Engine: test.engine, Progress: progress.Discard()}
			if test.hook != "" {
				cfg.EngineHook = []string{"/bin/sh", "-c", test.hook, filepath.Join(dir, "docker")}
			}
			got, err := detect(t.Context(), cfg)
			if got != test.want || fault.Code(err) != test.code {
				t.Fatalf("engine %q, error %v with code %d; want %q, %d", got, err, fault.Code(err), test.want, test.code)
			}
			if err != nil && !strings.Contains(err.Error()+"\n", test.err) {
				t.Errorf("error %q, want %q", err, test.err)
			}
			if test.hint != "" && (len(fault.Hints(err)) == 0 || fault.Hints(err)[0] != test.hint) {
				t.Errorf("hints %q, want %q", fault.Hints(err), test.hint)
			}
		})
	}
}

// The image of the offline tool set is in no registry: the hook brings it, or nobody does.
func TestOfflineNodeImage(t *testing.T) {
	for _, test := range []struct{ name, hook, err string }{
		{"there", "exit 1", ""},
		{"the hook brings it", `: >"$0.image"`, ""},
		{"no hook", "", `node image "kubernaut/node:v1" is not in docker`},
		{"the hook brings another", ":", `node image "kubernaut/node:v1" is not in docker`},
		{"the hook fails", "echo no room >&2; exit 7", "exit status 7: no room"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := install(t, map[string]string{"docker": `[ "$1 $2" = "image inspect" ] && [ -e "$0.image" ]`})
			h := &kindHost{engine: "docker", image: plan.NodeImage{Reference: offlineImages + "v1"}, progress: progress.Discard()}
			if test.name == "there" {
				if err := os.WriteFile(filepath.Join(dir, "docker.image"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if test.hook != "" {
				h.hook = []string{"/bin/sh", "-c", test.hook, filepath.Join(dir, "docker")}
			}
			err := h.ensureImage(t.Context())
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if err != nil && (fault.Code(err) != fault.Delivery || !slices.Equal(fault.Hints(err), []string{"tools/bazelw --engine start"})) {
				t.Errorf("code %d, hints %q", fault.Code(err), fault.Hints(err))
			}
		})
	}
}

func TestNodesOfTheEngine(t *testing.T) {
	install(t, map[string]string{"docker": `printf 'x-worker running worker\nx-worker2 exited worker\nx-external-load-balancer running external-load-balancer\nx-control-plane running control-plane\n'`})
	nodes, running, err := (&kindHost{engine: "docker"}).Nodes(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name())
	}
	if diff := cmp.Diff([]string{"x-control-plane", "x-worker", "x-worker2"}, names); diff != "" || running {
		t.Errorf("running %t; nodes (-want +got):\n%s", running, diff)
	}
}

func TestExecError(t *testing.T) {
	install(t, map[string]string{"docker": "echo out; echo cause >&2; exit 3"})
	out, err := (&container{engine: "docker", name: "x"}).Exec(t.Context(), strings.NewReader("in"), "ctr", "version")
	var failed *CommandError
	if !errors.As(err, &failed) || failed.Stderr != "cause" || string(out) != "out\n" {
		t.Fatalf("output %q, error %v", out, err)
	}
	if diff := cmp.Diff([]string{"docker", "exec", "--privileged", "-i", "x", "ctr", "version"}, failed.Argv); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
}

func TestRejects(t *testing.T) {
	docker := "-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n"
	rule := "-A DOCKER-USER -o eth0 -j REJECT --reject-with icmp-admin-prohibited\n"
	tests := []struct {
		name, listing string
		want          bool
	}{
		{"empty", "", false},
		{"docker without the rule", docker + "-A DOCKER-USER -j RETURN\n", false},
		{"docker with the rule", docker + rule + "-A DOCKER-USER -j RETURN\n", true},
		{"after the return", docker + "-A DOCKER-USER -j RETURN\n" + rule, false},
		{"after an exception", docker + "-A DOCKER-USER -s 10.0.0.0/8 -j RETURN\n" + rule, false},
		{"of another device", docker + strings.Replace(rule, "eth0", "eth1", 1), false},
		{"of one protocol", docker + strings.Replace(rule, "-j", "-p tcp -j", 1), false},
		{"in a chain that nothing jumps to", rule, false},
		{"in FORWARD", "-A FORWARD -o eth0 -j DROP\n-A FORWARD -j ACCEPT\n", true},
		{"in FORWARD, too late", "-A FORWARD -j ACCEPT\n-A FORWARD -o eth0 -j REJECT\n", false},
		{"negated", "-A FORWARD ! -o eth0 -j REJECT\n", false},
	}
	for _, test := range tests {
		if got := rejects([]byte(test.listing), "eth0"); got != test.want {
			t.Errorf("%s: %t, want %t", test.name, got, test.want)
		}
	}
}

func TestUplinks(t *testing.T) {
	table := "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n" +
		"eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\n" + "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n" +
		"eth0\t00000000\t0200A8C0\t0003\t0\t0\t9\t00000000\t0\n"
	if diff := cmp.Diff([]string{"eth0"}, uplinks([]byte(table))); diff != "" {
		t.Errorf("uplinks (-want +got):\n%s", diff)
	}
}

func TestParseKind(t *testing.T) {
	cfg, err := parseKind([]byte("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: worker\n- role: control-plane\n"))
	if err != nil {
		t.Fatal(err)
	}
	ports := mapPorts(cfg, "kubernaut/node:1", []int32{41000, 41001})
	if diff := cmp.Diff(map[int32]int32{30000: 41000, 30001: 41001}, ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if got := cfg.Nodes[1].ExtraPortMappings; len(got) != 2 || got[1].ListenAddress != "127.0.0.1" || got[1].HostPort != 41001 {
		t.Errorf("mappings of the control plane: %+v", got)
	}
	if cfg.Nodes[0].Image != "kubernaut/node:1" || len(cfg.Nodes[0].ExtraPortMappings) != 0 {
		t.Errorf("worker: %+v", cfg.Nodes[0])
	}
	for _, bad := range []string{"kind: Cluster", "kind: Pod\napiVersion: kind.x-k8s.io/v1alpha4", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnods: []", "{"} {
		if _, err := Acquire(t.Context(), Config{Kind: []byte(bad)}); fault.Code(err) != fault.Usage {
			t.Errorf("Acquire with %q: %v with code %d, want code %d", bad, err, fault.Code(err), fault.Usage)
		}
	}
}

func TestRelay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer server.Close()
	addr, stop, err := Relay(t.Context(), "127.0.0.1", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("layer", 1<<20)
	response, err := http.Post("http://"+addr, "", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(response.Body)
	if err != nil || string(got) != body {
		t.Errorf("got %d bytes (%v), want %d", len(got), err, len(body))
	}
	stop() // the client keeps its connection
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("the relay listens after stop")
	}
}

func TestInotifyHint(t *testing.T) {
	for text, want := range map[string]int{"128\n": 1, "512\n": 0, "8192\n": 0, "": 0, "x": 0} {
		path := filepath.Join(t.TempDir(), "limit")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := inotifyHint(path); len(got) != want {
			t.Errorf("limit %q: hints %q, want %d", text, got, want)
		}
	}
}

func TestUntarStaysInItsFolder(t *testing.T) {
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, name := range []string{"pods/ns_pod_1/c/0.log", "../outside"} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 3})
		fmt.Fprint(w, "log")
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := untar(root, &data); err == nil {
		t.Error("a name outside of the folder is accepted")
	}
	if got, err := os.ReadFile(filepath.Join(dir, "pods/ns_pod_1/c/0.log")); string(got) != "log" {
		t.Errorf("log %q (%v)", got, err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(dir), "outside")); err == nil {
		t.Error("a file was written outside of the folder")
	}
}

func TestExportLogsOfADeadCluster(t *testing.T) {
	dir := t.TempDir()
	lease := &Lease{Kubeconfig: filepath.Join(dir, "missing"), Nodes: []Node{fakeNode("n")},
		progress: progress.Discard()}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lease.ExportLogs(ctx, filepath.Join(dir, "logs")); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("error %v, want one about the kubeconfig", err)
	}
	for _, unit := range []string{"kubelet", "containerd"} {
		if data, err := os.ReadFile(filepath.Join(dir, "logs/nodes/n", unit+".log")); err != nil || !strings.Contains(string(data), unit+".service") {
			t.Errorf("%s.log: %q (%v)", unit, data, err)
		}
	}
}
