package cluster

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// echo answers each line on a socket with itself, and ends the connection after "bye".
func echo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewReader(conn); ; {
					line, err := lines.ReadString('\n')
					if err != nil || line == "bye\n" {
						return
					}
					io.WriteString(conn, line)
				}
			}()
		}
	}()
	return path
}

// enter is a docker whose containers are this machine. Its shell finds the real programs.
func enter(t *testing.T) *container {
	t.Helper()
	path := os.Getenv("PATH")
	install(t, map[string]string{"docker": fmt.Sprintf("PATH='%s'\n[ \"$1 $2\" = 'exec --privileged' ] || exit 99\nshift 2\n[ \"$1\" != -i ] || shift\nshift\nexec \"$@\"", path)})
	return &container{engine: "docker", name: "x", roots: &roots{}}
}

func TestDialThroughTheEngine(t *testing.T) {
	socket := echo(t)
	conn, err := enter(t).Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	for _, want := range []string{"a\n", strings.Repeat("long ", 1<<18) + "\n"} {
		go io.WriteString(conn, want)
		if got, err := lines.ReadString('\n'); err != nil || got != want {
			t.Fatalf("got %d bytes, error %v; want %d", len(got), err, len(want))
		}
	}
	io.WriteString(conn, "bye\n")
	if _, err := lines.ReadString('\n'); err == nil {
		t.Error("the other side's end is not seen")
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	<-conn.(*bridge).ended
}

func TestDialThroughTheEngineEndsWithClose(t *testing.T) {
	conn, err := enter(t).Dial(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "x\n")
	if _, err := conn.Read(make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-conn.(*bridge).ended
}

func TestDialThroughTheEngineSaysWhyNot(t *testing.T) {
	conn, err := enter(t).Dial(t.Context(), filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1))
	if err == nil || !strings.Contains(err.Error(), "none: No such file or directory (exit status 2)") || strings.Contains(err.Error(), "use IO") {
		t.Errorf("error %v, want that of the command in the node, without the command", err)
	}
}

func TestSpaceThroughTheEngine(t *testing.T) {
	dir := t.TempDir()
	want, err := disk.Statfs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := enter(t).Space(t.Context(), dir); err != nil || got.Device != want.Device || got.Total != want.Total || got.Free == 0 {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

// A process is the node's when its root has the node's host name; an engine elsewhere counts other processes.
func TestRoots(t *testing.T) {
	data, err := os.ReadFile("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(string(data))
	install(t, map[string]string{"docker": fmt.Sprintf("[ \"$1\" = inspect ] || exit 99\necho '/%[1]s %[2]d'\necho '/other %[2]d'\necho '/stopped 0'\nexit 1", name, os.Getpid())})
	found := (&roots{engine: "docker", names: []string{name, "other", "stopped"}}).find(t.Context())
	if len(found) != 1 || found[name] == "" {
		t.Fatalf("got %q, want that of %s alone", found, name)
	}
	c := &container{engine: "docker", name: name, roots: &roots{engine: "docker", paths: found, asked: time.Now()}}
	if os.Geteuid() != 0 {
		if got := c.roots.of(t.Context(), name); got != "" {
			t.Errorf("got %q for somebody who is not root", got)
		}
		return
	}
	conn, err := c.Dial(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	dir := t.TempDir()
	want, err := disk.Statfs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Space(t.Context(), dir); err != nil || got.Device != want.Device || got.Total != want.Total {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	_, err = c.Dial(t.Context(), filepath.Join(dir, "none"))
	if err == nil || strings.Contains(err.Error(), "/proc/") || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("error %v, want the node's path and the cause", err)
	}
	if c.roots.paths != nil {
		t.Error("the next connection does not ask for the process again")
	}
}

func TestParseSpace(t *testing.T) {
	got, err := parseSpace("65025\n 4096 100 25\n")
	if want := (disk.Space{Device: 65025, Total: 409600, Free: 102400}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "1 2 3", "1 2 3 x"} {
		if _, err := parseSpace(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
