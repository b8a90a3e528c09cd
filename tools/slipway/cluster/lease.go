package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// leaseVersion is the format of names and state files. A new one leads to new clusters.
const leaseVersion = 1

// slots is how many clusters of one configuration may be in use at a time; one takes about 0.6 GB of memory.
const slots = 4

// The states of a lease. Only stateReady with a free lock is a cluster to reuse.
const (
	stateCreating = "creating"
	stateInUse    = "in-use"
	stateReady    = "ready"
)

// state is the content of <Dir>/leases/<name>.json.
type state struct {
	Version int             `json:"version"`
	State   string          `json:"state"`
	Config  string          `json:"config"` // hash that the name is made of, in full
	Created time.Time       `json:"created"`
	Ports   map[int32]int32 `json:"ports,omitempty"`
	Gateway string          `json:"gateway,omitempty"`
}

// backend is what the lease needs of a container engine.
type backend interface {
	// Create makes the cluster or fails; what it leaves behind then is the caller's to delete.
	Create(ctx context.Context, name, kubeconfig string, kind kindConfig) error
	// Delete removes all nodes of the cluster. A cluster that is not there is no error.
	Delete(ctx context.Context, name string) error
	// Nodes returns the cluster's nodes, control plane first, and whether all of them run; none when it is not there.
	Nodes(ctx context.Context, name string) (nodes []Node, running bool, err error)
}

// manager is the lease's state machine over one configuration.
type manager struct {
	cfg     Config
	kind    kindConfig
	backend backend
	healthy func(ctx context.Context, kubeconfig string) error            // answers within seconds
	settle  func(ctx context.Context, kubeconfig string, nodes int) error // waits until workloads can be deployed
}

// hash covers what makes the cluster, and the state folder, whose locks keep two runs from one cluster. Not the number of
// ports: a cluster with more of them serves as well.
func (m *manager) hash() string {
	in, _ := json.Marshal([]any{leaseVersion, m.cfg.Kind, m.cfg.Image.Digest, m.cfg.Dir})
	return fmt.Sprintf("%x", sha256.Sum256(in))
}

func (m *manager) name(slot int) string {
	name := m.cfg.Name + "-" + m.hash()[:12]
	if slot == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, slot)
}

func (m *manager) path(name, suffix string) string {
	return filepath.Join(m.cfg.Dir, "leases", name+suffix)
}

func (m *manager) acquire(ctx context.Context) (*Lease, error) {
	if err := os.MkdirAll(filepath.Join(m.cfg.Dir, "leases"), 0o700); err != nil {
		return nil, fmt.Errorf("creating lease folder: %w", err)
	}
	name, lock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	lease, err := m.occupy(ctx, name)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	lease.lock = lock
	return lease, nil
}

// lock takes the first slot that no other process holds, one with a kept cluster before the others, and waits for one
// when all are held.
func (m *manager) lock(ctx context.Context) (string, *os.File, error) {
	for attempt := 0; ; attempt++ {
		for _, name := range m.names() {
			f, err := tryLock(m.path(name, ".lock"))
			if err != nil || f != nil {
				return name, f, err
			}
		}
		if attempt == 0 {
			m.cfg.Progress.Line("waiting: all %d clusters %s are in use by other runs", slots, m.name(0))
		}
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// names lists the slots' names, those with a kept cluster that is large enough first. What it saw may have changed when the lock is taken:
// it decides about the order alone.
func (m *manager) names() []string {
	var kept, others []string
	for slot := range slots {
		name := m.name(slot)
		if s, err := m.read(name); err == nil && s != nil && s.State == stateReady && len(s.Ports) >= m.cfg.Ports {
			kept = append(kept, name)
		} else {
			others = append(others, name)
		}
	}
	return append(kept, others...)
}

// tryLock returns nil when another process holds the lock. The file is never removed: a lock on a removed file
// excludes nobody.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lease lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("locking %q: %w", path, err)
}

// occupy turns what is there under name, whose lock this process holds, into a lease.
func (m *manager) occupy(ctx context.Context, name string) (*Lease, error) {
	nodes, running, err := m.backend.Nodes(ctx, name)
	if err != nil {
		return nil, err
	}
	old, err := m.read(name)
	if err != nil {
		m.cfg.Progress.Line("lease of cluster %s is unreadable (%v)", name, err)
	}
	reason := m.unusable(ctx, name, old, len(nodes) > 0, running)
	if reason == "" {
		return m.reuse(name, nodes, old)
	}
	if len(nodes) > 0 {
		m.cfg.Progress.Line("deleting cluster %s: %s", name, reason)
	}
	if err := m.remove(ctx, name); err != nil {
		return nil, err
	}
	return m.create(ctx, name)
}

// unusable says why the cluster cannot be reused; "" when it can.
func (m *manager) unusable(ctx context.Context, name string, old *state, exists, running bool) string {
	switch {
	case !exists:
		return "it does not exist"
	case m.cfg.Fresh:
		return "a fresh one was asked for"
	case old == nil:
		return "it has our name and no lease"
	case old.State != stateReady:
		return "an interrupted run left it " + old.State
	case old.Config != m.hash() || old.Version != leaseVersion:
		return "its lease is for another configuration"
	case len(old.Ports) < m.cfg.Ports:
		return fmt.Sprintf("it has %d node ports for the host, this run needs %d", len(old.Ports), m.cfg.Ports)
	case !running:
		return "its nodes do not run"
	}
	if err := m.healthy(ctx, m.path(name, ".kubeconfig")); err != nil {
		return fmt.Sprintf("its API server does not answer (%v)", err)
	}
	return ""
}

func (m *manager) reuse(name string, nodes []Node, s *state) (*Lease, error) {
	s.State = stateInUse
	if err := m.write(name, *s); err != nil {
		return nil, err
	}
	return m.lease(name, nodes, *s, true), nil
}

func (m *manager) lease(name string, nodes []Node, s state, reused bool) *Lease {
	return &Lease{Name: name, Kubeconfig: m.path(name, ".kubeconfig"), Reused: reused, Nodes: nodes,
		Ports: s.Ports, Gateway: s.Gateway, manager: m, progress: m.cfg.Progress, state: s}
}

// remove deletes cluster, kubeconfig and state, the state last: while it is there the cluster counts as dirty.
func (m *manager) remove(ctx context.Context, name string) error {
	if err := m.backend.Delete(ctx, name); err != nil {
		return fmt.Errorf("deleting cluster %q: %w", name, err)
	}
	for _, suffix := range []string{".kubeconfig", ".kubeconfig.lock", ".json.new", ".json"} { // kind's lock outlives a crash
		if err := os.Remove(m.path(name, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing lease: %w", err)
		}
	}
	return nil
}

// read returns nil when there is no state.
func (m *manager) read(name string) (*state, error) {
	data, err := os.ReadFile(m.path(name, ".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// write replaces the state at once, so that a crash leaves the old one or the new one.
func (m *manager) write(name string, s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	temporary := m.path(name, ".json.new")
	err = os.WriteFile(temporary, append(data, '\n'), 0o600)
	if err == nil {
		err = os.Rename(temporary, m.path(name, ".json"))
	}
	if err != nil {
		os.Remove(temporary)
		return fmt.Errorf("writing lease: %w", err)
	}
	return nil
}
