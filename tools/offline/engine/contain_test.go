package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const rule = "-o eth0 -j REJECT --reject-with icmp-admin-prohibited"

func TestInForce(t *testing.T) {
	tests := []struct {
		name  string
		rules string
		want  bool
	}{
		{"head of Docker's chain", "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER " + rule + "\n-A DOCKER-USER -j RETURN", true},
		{"after another uplink's", "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -o wlan0 -j REJECT --reject-with icmp-admin-prohibited\n-A DOCKER-USER " + rule, true},
		{"head of FORWARD", "-P FORWARD ACCEPT\n-A FORWARD " + rule + "\n-A FORWARD -j ACCEPT", true},
		{"none", "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN", false},
		{"behind RETURN", "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\n-A DOCKER-USER " + rule, false},
		{"chain is not reached", "-A DOCKER-USER " + rule, false},
		{"chain is reached late", "-A FORWARD -j ACCEPT\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER " + rule, false},
		{"of another link", "-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -o eth01 -j REJECT --reject-with icmp-admin-prohibited", false},
		{"empty", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := inForce(tt.rules, "eth0"); got != tt.want {
				t.Errorf("inForce = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseUplinks(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"one", `[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]}]`, []string{"eth0"}},
		{"two, one of them twice", `[{"dst":"default","dev":"wlan0"},{"dst":"default","dev":"eth0","metric":5},{"dst":"default","dev":"eth0"}]`, []string{"eth0", "wlan0"}},
		{"several hops", `[{"dst":"default","nexthops":[{"dev":"a"},{"dev":"b"}]}]`, []string{"a", "b"}},
		{"unreachable", `[{"type":"unreachable","dst":"default","dev":"lo"}]`, []string{}},
		{"no default", `[{"dst":"10.0.0.0/8","dev":"eth0"}]`, nil},
		{"nothing", ``, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseUplinks([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parseUplinks (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := parseUplinks([]byte("default via")); err == nil {
		t.Error("a listing that is not JSON gave no error")
	}
}

// fakePrograms puts an ip and an iptables on PATH. iptables records its calls and
// keeps its rules in a file; while the file "locked" exists it refuses to insert.
func fakePrograms(t *testing.T, routes string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	script := func(name, body string) {
		write(t, filepath.Join(dir, name), "#!/bin/sh\n"+body)
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("ip", "cat <<'J'\n"+routes+"\nJ\n")
	script("docker", "exit 0\n")
	write(t, filepath.Join(dir, "rules"), "-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN\n")
	script("iptables", `here=`+dir+`
echo "$*" >>$here/calls
shift 2
case $1 in
-S) cat $here/rules ;;
-I) [ ! -e $here/locked ] || { echo "Permission denied (you must be root)" >&2; exit 4; }
    chain=$2; shift 2
    { grep -v -- "-A $chain" $here/rules; echo "-A $chain $*"; grep -- "-A $chain" $here/rules; } >$here/new; mv $here/new $here/rules ;;
esac
`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

// fakeEngine answers on a socket and records what is asked of it.
type fakeEngine struct {
	host    string
	mu      sync.Mutex
	calls   []string
	network *network
	created map[string]any
}

func newFakeEngine(t *testing.T) *fakeEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // t.TempDir's paths are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f := &fakeEngine{host: "unix://" + filepath.Join(dir, "s")}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return f
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/networks/kind" && f.network == nil:
		http.Error(w, `{"message":"network kind not found"}`, http.StatusNotFound)
	case r.Method == http.MethodGet && r.URL.Path == "/networks/kind":
		json.NewEncoder(w).Encode(f.network)
	case r.URL.Path == "/networks/create":
		json.NewDecoder(r.Body).Decode(&f.created)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"Id":"0123456789abcdef0123","Warning":""}`)
	}
}

const defaultRoute = `[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"172.18.0.0/16","dev":"vpn"}]`

func TestEnsureContainsBeforeTheNetwork(t *testing.T) {
	dir := fakePrograms(t, defaultRoute)
	fake := newFakeEngine(t)
	e := &Engine{Dir: t.TempDir(), Host: fake.host}
	for range 2 {
		if err := e.Ensure(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(e.path("bridge")); err != nil || string(got) != "br-0123456789ab" {
			t.Errorf("bridge remembered for Stop: %q, %v", got, err)
		}
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	want := "-w 30 -S\n-w 30 -I DOCKER-USER " + rule + "\n-w 30 -S\n-w 30 -S\n"
	if diff := cmp.Diff(want, string(calls)); diff != "" {
		t.Errorf("iptables calls (-want +got):\n%s", diff)
	}
	wantNetwork := map[string]any{
		"Name": "kind", "Driver": "bridge", "CheckDuplicate": true, "EnableIPv6": false,
		"IPAM": map[string]any{"Config": []any{map[string]any{"Subnet": "172.19.0.0/16", "Gateway": "172.19.0.1"}}},
	}
	if diff := cmp.Diff(wantNetwork, fake.created); diff != "" {
		t.Errorf("network (-want +got):\n%s", diff)
	}
}

func TestEnsureRefusesWithoutContainment(t *testing.T) {
	tests := []struct {
		name, routes string
		locked       bool
		want         string
	}{
		{"rule is refused", defaultRoute, true, "Permission denied"},
		{"no default route", `[]`, false, "no IPv4 default route"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := fakePrograms(t, tt.routes)
			if tt.locked {
				write(t, filepath.Join(dir, "locked"), "")
			}
			fake := newFakeEngine(t)
			err := (&Engine{Dir: t.TempDir(), Host: fake.host}).Ensure(context.Background())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Ensure = %v, want an error with %q", err, tt.want)
			}
			if diff := cmp.Diff([]string{"GET /_ping"}, fake.calls); diff != "" {
				t.Errorf("calls of the engine (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnsureRefusesIPv6(t *testing.T) {
	fakePrograms(t, defaultRoute)
	fake := newFakeEngine(t)
	fake.network = &network{ID: "1", Name: "kind", EnableIPv6: true, Containers: map[string]struct{}{"node": {}}}
	err := (&Engine{Dir: t.TempDir(), Host: fake.host}).Ensure(context.Background())
	if err == nil || !strings.Contains(err.Error(), "docker network rm kind") {
		t.Errorf("Ensure = %v, want the command that removes the network", err)
	}
	fake.network.Containers = nil
	if err := (&Engine{Dir: t.TempDir(), Host: fake.host}).Ensure(context.Background()); err != nil {
		t.Fatal(err)
	}
	if last := fake.calls[len(fake.calls)-2:]; !cmp.Equal(last, []string{"DELETE /networks/1", "POST /networks/create"}) {
		t.Errorf("an unused IPv6 network must be replaced, got calls %v", last)
	}
}

func TestEnsureNamesAnEngineThatDoesNotAnswer(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///nonexistent/s": "unset DOCKER_HOST",
		"ssh://builder":         "must be unix:///path or tcp://host:port",
	} {
		err := (&Engine{Dir: t.TempDir(), Host: host}).Ensure(context.Background())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Ensure with DOCKER_HOST %q = %v, want %q", host, err, want)
		}
	}
}

func TestFreeSubnet(t *testing.T) {
	tests := []struct {
		name   string
		routes []string
		want   string
	}{
		{"first", []string{"default", "192.0.2.0/24", "172.17.0.0/16"}, "172.18.0.0/16"},
		{"taken", []string{"172.18.0.0/16"}, "172.19.0.0/16"},
		{"part of it is taken", []string{"172.18.4.0/24", "172.19.0.7"}, "172.20.0.0/16"},
		{"a wide route", []string{"172.16.0.0/13"}, "172.24.0.0/16"},
		{"a default route as a prefix", []string{"0.0.0.0/0"}, "172.18.0.0/16"},
		{"all", []string{"172.16.0.0/12"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var routes []route
			for _, destination := range tt.routes {
				routes = append(routes, route{Destination: destination})
			}
			got, err := freeSubnet(routes)
			if (err != nil) != (tt.want == "") {
				t.Fatalf("freeSubnet: %v", err)
			}
			if err == nil && got.String() != tt.want {
				t.Errorf("freeSubnet = %s, want %s", got, tt.want)
			}
		})
	}
}
