package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// roots finds the file systems of containers below /proc, which is how root reaches into the containers of an engine on this
// machine without a command in them. It is shared by the nodes of a cluster: one question to the engine is for all of them.
type roots struct {
	engine engine
	names  []string

	mu    sync.Mutex
	paths map[string]string // by container
	asked time.Time
}

// rootsTime is how long an answer is believed: a container that is restarted has another process.
const rootsTime = 2 * time.Second

// of is the folder that is the container's root, "" when this process may not look into it, or the engine is elsewhere.
func (r *roots) of(ctx context.Context, name string) string {
	if os.Geteuid() != 0 || r.engine == "" {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.asked) > rootsTime || r.paths[name] == "" { // it may have been about to start when it was asked for
		r.paths, r.asked = r.find(ctx), time.Now()
	}
	return r.paths[name]
}

// forget makes the next question a new one.
func (r *roots) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = nil
}

func (r *roots) find(ctx context.Context) map[string]string {
	paths := make(map[string]string)
	// What is missing is left out, and the rest is printed all the same.
	out, _ := r.engine.run(ctx, nil, append([]string{"inspect", "--format", "{{.Name}} {{.State.Pid}}"}, r.names...)...)
	for line := range strings.Lines(string(out)) {
		name, pid, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "/"), " ")
		root := "/proc/" + pid + "/root"
		// An engine on another machine has the same number for another process. A node's host name is its container's.
		if host, err := os.ReadFile(root + "/etc/hostname"); err == nil && strings.TrimSpace(string(host)) == name {
			paths[name] = root
		}
	}
	return paths
}

// ThroughEngine is the node as somebody sees it who may not look into its container: each connection is a command in it. A node of
// another kind is returned as it is.
func ThroughEngine(node Node) Node {
	if c, ok := node.(*container); ok {
		return &container{engine: c.engine, name: c.name, roots: &roots{}}
	}
	return node
}

// Dial implements Node.
func (c *container) Dial(ctx context.Context, socket string) (net.Conn, error) {
	root := c.roots.of(ctx, c.name)
	if root == "" {
		return c.bridge(socket)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", root+socket)
	if err != nil {
		c.roots.forget()
		return nil, fmt.Errorf("connecting to %s of node %q: %w", socket, c.name, syscallError(err))
	}
	return conn, nil
}

// syscallError leaves this machine's path to a socket out of the error.
func syscallError(err error) error {
	var cause syscall.Errno
	if errors.As(err, &cause) {
		return cause
	}
	return err
}

// Space implements Node.
func (c *container) Space(ctx context.Context, path string) (disk.Space, error) {
	if root := c.roots.of(ctx, c.name); root != "" {
		if space, err := disk.Statfs(root + path); err == nil {
			return space, nil
		}
		c.roots.forget()
	}
	out, err := c.Exec(ctx, nil, "sh", "-ec", `stat -c %d "$1"; stat -fc "%S %b %a" "$1"`, "sh", path)
	if err != nil {
		return disk.Space{}, err
	}
	return parseSpace(string(out))
}

// parseSpace reads device, block size, blocks and free blocks.
func parseSpace(text string) (disk.Space, error) {
	var numbers []int64
	for _, field := range strings.Fields(text) {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return disk.Space{}, fmt.Errorf("reading %q: %w", text, err)
		}
		numbers = append(numbers, n)
	}
	if len(numbers) != 4 {
		return disk.Space{}, fmt.Errorf("reading %q: %d numbers, want 4", text, len(numbers))
	}
	return disk.Space{Device: uint64(numbers[0]), Total: numbers[1] * numbers[2], Free: numbers[1] * numbers[3]}, nil
}

// bridgeScript copies its input into a socket and what comes back to its output. A node has no other program for that: kind's
// image is a Debian, whose base has Perl.
const bridgeScript = `use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new($ARGV[0]) or die "connecting to $ARGV[0]: $!\n";
sub copy {
	my ($from, $to) = @_;
	while (sysread $from, my $data, 262144) {
		for (my $sent = 0; $sent < length $data;) { $sent += syswrite($to, $data, length($data) - $sent, $sent) // exit 1 }
	}
}
my $parent = $$;
if (fork) { copy(*STDIN, $socket); shutdown $socket, 1; wait; exit }
copy($socket, *STDOUT);
kill TERM => $parent`

// bridge connects through a command in the node, which takes as long as starting it. The connection lasts until it is closed, whatever
// becomes of the context it was asked for with.
func (c *container) bridge(socket string) (net.Conn, error) {
	argv := c.exec(true, []string{"perl", "-e", bridgeScript, socket})
	ctx, stop := context.WithCancel(context.Background())
	b := &bridge{socket: socket, stop: stop, said: &tail{limit: tailBytes}, ended: make(chan struct{})}
	b.cmd = command(ctx, argv...)
	b.cmd.Stderr = b.said
	var err error
	if b.stdin, err = b.cmd.StdinPipe(); err == nil {
		if b.stdout, err = b.cmd.StdoutPipe(); err == nil {
			err = b.cmd.Start()
		}
	}
	if err != nil {
		stop()
		return nil, &CommandError{Argv: argv, Err: err}
	}
	return b, nil
}

// bridge is a command's input and output as a connection.
type bridge struct {
	socket string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	said   *tail
	stop   context.CancelFunc
	once   sync.Once
	ended  chan struct{}
	err    error // how the command ended; to be read when ended is closed
}

// Read implements net.Conn. It ends with what the command said of its failure.
func (b *bridge) Read(p []byte) (int, error) {
	n, err := b.stdout.Read(p)
	if err != nil {
		b.wait()
		if b.err != nil {
			return n, b.err
		}
		return n, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (b *bridge) Write(p []byte) (int, error) { return b.stdin.Write(p) }

// bridgeGrace is for the command to end by itself once its input has.
const bridgeGrace = 2 * time.Second

// Close implements net.Conn.
func (b *bridge) Close() error {
	b.stdin.Close()
	late := time.AfterFunc(bridgeGrace, b.stop)
	go func() {
		defer late.Stop()
		io.Copy(io.Discard, b.stdout) //nolint:errcheck // its end is all that matters
		b.wait()
	}()
	return nil
}

// wait runs when the output has ended.
func (b *bridge) wait() {
	b.once.Do(func() {
		defer close(b.ended)
		defer b.stop()
		if err := b.cmd.Wait(); err != nil {
			b.err = fmt.Errorf("passing bytes on to %s: %s (%w)", b.socket, b.said, err)
		}
	})
	<-b.ended
}

// LocalAddr implements net.Conn.
func (b *bridge) LocalAddr() net.Addr { return b.RemoteAddr() }

// RemoteAddr implements net.Conn.
func (b *bridge) RemoteAddr() net.Addr { return &net.UnixAddr{Name: b.socket, Net: "unix"} }

// SetDeadline implements net.Conn; there are none, its users have contexts.
func (b *bridge) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (b *bridge) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (b *bridge) SetWriteDeadline(time.Time) error { return nil }
