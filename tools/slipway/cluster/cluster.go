// Package cluster leases kind clusters to suites: create, reuse, delete, and export of their logs.
//
// A cluster's name is derived from all that makes it what it is (kind configuration, node image), so runs that want the
// same cluster find it, and a change gives another one. One with too few ports for the host is replaced. A state file beside it says whether it was
// handed back in order ("ready"); whatever else is found there was left by an interrupted run and is replaced, never
// used. A file lock, held while a lease is in use and released by the kernel when its process ends, tells the two
// apart. Runs at the same time get clusters of their own.
//
// Host ports are the kernel's choice, the user's kubeconfig is never touched, and a cluster of the offline node image
// is created only where the host rejects what would leave the machine.
//
// Non-goals: clusters that are not kind's, several control planes, remote container engines (ports and the relay are
// on this machine's addresses).
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// FirstNodePort is the first port of the pool that Config.Ports sizes: the start of Kubernetes' default NodePort range
// (https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport).
const FirstNodePort int32 = 30000

// Config says which cluster is wanted and where its lease is kept.
type Config struct {
	Name       string            // prefix of the cluster's name; "" is "slipway"
	Kind       []byte            // kind v1alpha4 configuration; its images and name are replaced, ports are added
	Image      plan.NodeImage    // image of every node
	Ports      int               // NodePorts FirstNodePort.. that get a host port, at least; 0: none
	Dir        string            // folder of lease state, kubeconfigs and locks; created when missing
	Logs       string            // folder for the logs of a cluster whose creation fails; "": they are lost
	Fresh      bool              // delete what is there first
	Engine     string            // "docker" or "podman"; "": the one that answers, Docker first
	EngineHook []string          // command that starts an engine when none answers, and gives it the node image of the offline tool set; nil: none
	Progress   progress.Reporter // nil: silent
	// Storage is told where the engine that was found keeps its data, before anything is created there; nil: it does not matter.
	Storage func(disk.Folder)
}

// Node is one node of a cluster. Implementations are safe for concurrent use.
type Node interface {
	// Name is the node's name in Kubernetes and in the engine.
	Name() string
	// Exec runs a command in the node and returns its standard output. stdin may be nil. A failure is a *CommandError,
	// the output up to it is returned as well. When ctx ends the engine's client is stopped; the command itself sees
	// the end of its standard input.
	Exec(ctx context.Context, stdin io.Reader, argv ...string) (stdout []byte, err error)
	// Dial connects to a Unix socket in the node. Root on the engine's machine does so directly; for anybody else a command in the
	// node passes the bytes on, and what it says of a failure is an error of the first Read. There are no deadlines.
	Dial(ctx context.Context, socket string) (net.Conn, error)
	// Space asks the file system that holds a folder of the node.
	Space(ctx context.Context, path string) (disk.Space, error)
}

// Lease is a cluster in the hands of this process. It must be given back by Release.
type Lease struct {
	Name       string          // of the kind cluster
	Kubeconfig string          // path, mode 0600
	Reused     bool            // it was there before
	Nodes      []Node          // control plane first
	Ports      map[int32]int32 // NodePort → port on 127.0.0.1
	Gateway    string          // this machine's IPv4 address as the nodes see it

	manager  *manager
	progress progress.Reporter
	lock     *os.File
	state    state
}

// releaseTimeout bounds Release when its context has ended: deleting three nodes takes 5 s on an idle machine.
const releaseTimeout = 90 * time.Second

// Check reports a kind configuration that Acquire would refuse, before anything is touched.
func Check(kind []byte) error {
	_, err := parseKind(kind)
	return err
}

// Acquire returns a healthy cluster of cfg: one that an earlier run kept, else a new one. When all clusters of this
// configuration are in use it waits until ctx ends. What a failed or cancelled creation left is deleted before it
// returns. Faults carry exit code Delivery, a malformed kind configuration Usage.
func Acquire(ctx context.Context, cfg Config) (*Lease, error) {
	if cfg.Progress == nil {
		cfg.Progress = progress.Discard()
	}
	if cfg.Name == "" {
		cfg.Name = "slipway"
	}
	kind, err := parseKind(cfg.Kind)
	if err != nil {
		return nil, err
	}
	lease, err := acquire(ctx, cfg, kind)
	if ctx.Err() != nil && err != nil {
		return nil, fault.New(fault.Interrupted, fmt.Errorf("acquiring a cluster: %w", context.Cause(ctx)))
	}
	return lease, err
}

func acquire(ctx context.Context, cfg Config, kind kindConfig) (*Lease, error) {
	engine, err := detect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Storage != nil {
		if folder, err := engine.storage(ctx); err == nil {
			cfg.Storage(folder)
		}
	}
	host := &kindHost{engine: engine, image: cfg.Image, hook: cfg.EngineHook, progress: cfg.Progress}
	if err := host.contain(ctx); err != nil {
		return nil, err
	}
	m := &manager{cfg: cfg, kind: kind, backend: host, healthy: healthy, settle: settle}
	lease, err := m.acquire(ctx)
	var f *fault.Fault
	if err != nil && !errors.As(err, &f) {
		err = fault.New(fault.Delivery, err)
	}
	return lease, err
}

// Release gives the lease back: with keep the cluster stays, ready for the next run, else it is deleted with its
// kubeconfig and state. It works when ctx has ended (within 90 s), and a second call does nothing. After an error the
// cluster counts as dirty: the next Acquire replaces it.
func (l *Lease) Release(ctx context.Context, keep bool) error {
	if l.lock == nil {
		return nil
	}
	if ctx.Err() != nil {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		ctx = fresh
	}
	defer func() { l.lock = nil }()
	defer l.lock.Close()
	if keep {
		l.state.State = stateReady
		return l.manager.write(l.Name, l.state)
	}
	return l.manager.remove(ctx, l.Name)
}
