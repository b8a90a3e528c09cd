package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/node"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// Where the cluster's parts are, as Bazel's runfiles name them.
const (
	kindFile  = "_main/tools/e2e/kind_worker.yaml"
	imageFile = "_main/tools/e2e/node_image.json"
)

// setup is the cluster and what the subtests share.
type setup struct {
	nodes  []*machine // the control plane, the worker
	layers *synthetic
	ten    []node.Image
}

func (c *setup) worker() *machine { return c.nodes[1] }

// acquire takes a cluster, which is deleted at the end of the test.
func acquire(t *testing.T) *setup {
	config := cluster.Config{Kind: runfile(t, kindFile), Dir: leases(t), Logs: os.Getenv("TEST_UNDECLARED_OUTPUTS_DIR"), Progress: progress.New(os.Stderr, progress.Options{})}
	if err := json.Unmarshal(runfile(t, imageFile), &config.Image); err != nil {
		t.Fatal(err)
	}
	lease, err := cluster.Acquire(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lease.Release(context.Background(), false); err != nil {
			t.Error(err)
		}
	})
	c := &setup{layers: newSynthetic()}
	for _, n := range lease.Nodes {
		c.nodes = append(c.nodes, &machine{Node: n})
	}
	return c
}

func runfile(t *testing.T, name string) []byte {
	t.Helper()
	path, err := runfiles.Rlocation(name)
	if err != nil {
		t.Fatalf("%v; run it by: bazel test --config=e2e //test/e2e/delivery:delivery_test", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// leases is a folder that stays: the next run replaces what an interrupted one left.
func leases(t *testing.T) string {
	t.Helper()
	cache, err := command.CacheDir(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "delivery")
}

// load delivers images, which must succeed, and forgets the commands, connections and readings before it.
func (c *setup) load(t *testing.T, images []node.Image) node.Result {
	t.Helper()
	c.layers.opened()
	for _, n := range c.nodes {
		n.execs.Store(0)
		n.dials.Store(0)
	}
	result, err := c.deliver(t.Context(), c.layers, images)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// attempt makes the delivery that breaks.
func (c *setup) attempt(t *testing.T, f broken, image node.Image) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	times := 0
	if f.blobs != nil {
		_, err := c.deliver(ctx, f.blobs, []node.Image{image})
		return err
	}
	blobs := &half{c.layers, func(r *reading) error {
		if times++; f.middle == nil || f.times > 0 && times > f.times {
			return nil
		}
		return f.middle(c, r)
	}, cancel}
	_, err := c.deliver(ctx, blobs, []node.Image{image})
	return err
}

func (c *setup) deliver(ctx context.Context, blobs source.Blobs, images []node.Image) (node.Result, error) {
	var nodes []cluster.Node
	for _, n := range c.nodes {
		nodes = append(nodes, n)
	}
	started := time.Now()
	result, err := (&node.Loader{Blobs: blobs, Progress: progress.New(os.Stderr, progress.Options{})}).Load(ctx, nodes, images)
	fmt.Fprintf(os.Stderr, "delivery of %d images took %.2f s\n", len(images), time.Since(started).Seconds())
	return result, err
}

// machine is a node that counts its connections and the commands it is given.
type machine struct {
	cluster.Node
	execs, dials atomic.Int64
	indirect     bool // connections are commands in the node
}

func (m *machine) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	m.execs.Add(1)
	return m.Node.Exec(ctx, stdin, argv...)
}

func (m *machine) Dial(ctx context.Context, socket string) (net.Conn, error) {
	m.dials.Add(1)
	if m.indirect {
		return cluster.ThroughEngine(m.Node).Dial(ctx, socket)
	}
	return m.Node.Dial(ctx, socket)
}

// shell runs a script in the node.
func (m *machine) shell(t *testing.T, script string) string {
	t.Helper()
	out, err := m.Node.Exec(t.Context(), nil, "sh", "-ec", script)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// shrink puts a small disk in the place of a folder of containerd's, with what is in there when that is content. Nothing
// else on the machine gets full.
func (m *machine) shrink(t *testing.T, folder string) (undo func()) {
	t.Helper()
	used, _, _ := strings.Cut(m.shell(t, "du -sk "+folder), "\t")
	size, err := strconv.Atoi(used)
	if err != nil {
		t.Fatal(err)
	}
	fill := "cp -a " + folder + "/. /mnt/"
	if folder == snapshotFolder {
		size, fill = 0, "true" // the image has no parents there
	}
	m.shell(t, fmt.Sprintf("mount -t tmpfs -o size=%dk small /mnt; %s; mount --bind /mnt %s; umount /mnt", size+spareBytes>>10, fill, folder))
	return func() { m.shell(t, "umount -l "+folder) }
}

// restart restarts the node's container.
func (m *machine) restart() error {
	var errs []string
	for _, engine := range []string{"docker", "podman"} {
		out, err := exec.Command(engine, "restart", m.Name()).CombinedOutput()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Sprintf("%s: %v: %s", engine, err, out))
	}
	return fmt.Errorf("restarting node %q: %s", m.Name(), strings.Join(errs, "; "))
}

func (m *machine) killContainerd() error {
	_, err := m.Node.Exec(context.Background(), nil, "systemctl", "kill", "--signal=KILL", "--kill-who=main", "containerd")
	return err
}

// diskUsage returns the bytes that the node's containerd takes.
func (m *machine) diskUsage(t *testing.T) int64 {
	t.Helper()
	used, _, _ := strings.Cut(m.shell(t, "sync; du -sk /var/lib/containerd"), "\t")
	kib, err := strconv.ParseInt(used, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// collected returns the bytes once they are few enough, or after a while: nobody waits for the garbage collection.
func (m *machine) collected(t *testing.T, enough int64) int64 {
	t.Helper()
	for range 20 {
		if used := m.diskUsage(t); used <= enough {
			return used
		}
		time.Sleep(250 * time.Millisecond)
	}
	return m.diskUsage(t)
}
