package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
	"github.com/kubernaut/kubernaut/tools/offline/engine/lock"
)

// RunningError says that Stop would end clusters that somebody may be using.
type RunningError struct {
	// Clusters are the names of the kind clusters, sorted.
	Clusters []string
}

func (err *RunningError) Error() string {
	return fmt.Sprintf("stopping the container engine: clusters exist: %s; delete them (kind delete clusters --all) or stop with --force",
		strings.Join(err.Clusters, ", "))
}

// Stop ends the engine that Ensure started and takes back what it set up on the
// machine: the network, Docker's bridge and packet filter rules and, last, the
// containment rule. Images stay in Dir. An engine that somebody else started is
// left alone, and so is its containment rule. With clusters there, Stop returns a
// [*RunningError], or deletes them first when Force is set.
func (e *Engine) Stop(ctx context.Context) error {
	unlock, err := lock.Acquire(ctx, e.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if pid, running := e.pid(); running {
		if err := e.deleteClusters(ctx); err != nil {
			return err
		}
		e.logf("stopping the container engine (pid %d)", pid)
		if err := e.end(ctx, pid); err != nil {
			return err
		}
	} else if api, err := newClient(""); err == nil && api.ping(ctx) == nil {
		e.logf("the container engine that answers was started by somebody else; it stays")
		return nil
	}
	if err := e.endChildren(ctx); err != nil {
		return err
	}
	if err := e.unmount(); err != nil {
		return err
	}
	return e.restore(ctx)
}

// deleteClusters leaves no container of a cluster and no network "kind".
func (e *Engine) deleteClusters(ctx context.Context) error {
	api, err := newClient("")
	if err != nil {
		return err
	}
	nodes, err := api.clusterNodes(ctx)
	if err != nil {
		return err
	}
	if len(nodes) > 0 && !e.Force {
		return &RunningError{Clusters: clusterNames(nodes)}
	}
	var errs []error
	for _, node := range nodes {
		errs = append(errs, api.remove(ctx, node.ID))
	}
	if have, err := api.network(ctx); err == nil && have != nil && len(have.Containers) == 0 {
		errs = append(errs, api.removeNetwork(ctx, have.ID))
	}
	return errors.Join(errs...)
}

func clusterNames(nodes []container) []string {
	var names []string
	for _, node := range nodes {
		names = append(names, node.Labels[clusterLabel])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// end asks a process to stop and kills it when it has not after 30 s: dockerd
// gives its containers 15 s.
func (e *Engine) end(ctx context.Context, pid int) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, 30 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		if err := syscall.Kill(pid, step.signal); errors.Is(err, syscall.ESRCH) {
			return nil
		} else if err != nil {
			return fmt.Errorf("ending process %d: %w", pid, err)
		}
		for until := time.Now().Add(step.wait); time.Now().Before(until); {
			if gone(pid) {
				return nil
			}
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("ending process %d: it survived SIGKILL", pid)
}

// gone is true for a zombie too: its parent has yet to read its status.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, ok := bytes.Cut(stat, []byte(") "))
	return ok && len(rest) > 0 && rest[0] == 'Z'
}

// endChildren ends the containerd processes that a killed dockerd leaves behind.
func (e *Engine) endChildren(ctx context.Context) error {
	pids, err := e.children("/proc")
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		errs = append(errs, e.end(ctx, pid))
	}
	return errors.Join(errs...)
}

// children are the containerd and shim processes whose command line names a path
// below this engine's run-time folder.
func (e *Engine) children(proc string) ([]int, error) {
	files, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "cmdline"))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // the process ended meanwhile
		}
		argv := strings.Split(string(data), "\x00")
		ours := slices.ContainsFunc(argv[1:], func(arg string) bool { return strings.HasPrefix(arg, e.execRoot()+"/") })
		if ours && strings.HasPrefix(filepath.Base(argv[0]), "containerd") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// unmount detaches what a killed engine left mounted below its folders, the
// innermost first.
func (e *Engine) unmount() error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("reading the mounts of this machine: %w", err)
	}
	var errs []error
	for _, point := range mountsBelow(string(data), e.path("data"), e.execRoot()) {
		if err := syscall.Unmount(point, syscall.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmounting %q: %w", point, err))
		}
	}
	return errors.Join(errs...)
}

// mountsBelow lists mount points in the reverse order of mounting.
func mountsBelow(mountinfo string, roots ...string) []string {
	var points []string
	for _, line := range lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		for _, root := range roots {
			if strings.HasPrefix(fields[4]+"/", root+"/") {
				points = append(points, fields[4])
			}
		}
	}
	slices.Reverse(points)
	return points
}

// restore removes Docker's traces in the network once nothing runs any more. The
// containment rule goes last.
func (e *Engine) restore(ctx context.Context) error {
	policy, err := os.ReadFile(e.path("forward-policy"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // this folder's engine never ran, or was stopped before
	}
	if err != nil {
		return err
	}
	var errs []error
	bridges := []string{"docker0"}
	if name, err := os.ReadFile(e.path("bridge")); err == nil {
		bridges = append(bridges, string(name))
	}
	for _, bridge := range bridges {
		if _, err := os.Stat(filepath.Join("/sys/class/net", bridge)); err == nil {
			_, err := command.Output(ctx, "ip", "link", "delete", bridge)
			errs = append(errs, err)
		}
	}
	errs = append(errs, restoreTable(ctx, "nat", bridges), restoreTable(ctx, "filter", bridges), uncontain(ctx))
	_, err = iptables(ctx, "-P", forwardChain, strings.TrimSpace(string(policy)))
	errs = append(errs, err)
	for _, path := range []string{e.path("dockerd.pid"), defaultSocket, e.path("forward-policy"), e.path("bridge")} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// uncontain removes the rules of the fallback chain; those of DOCKER-USER went
// with the chain.
func uncontain(ctx context.Context) error {
	rules, err := iptables(ctx, "-S", forwardChain)
	if err != nil {
		return err
	}
	var errs []error
	for _, line := range lines(rules) {
		words := strings.Fields(line)
		if len(words) > 4 && words[2] == "-o" && slices.Equal(words[2:], ruleArgs(words[3])) {
			_, err := iptables(ctx, append([]string{"-D"}, words[1:]...)...)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func restoreTable(ctx context.Context, table string, bridges []string) error {
	rules, err := iptables(ctx, "-t", table, "-S")
	if err != nil {
		return err
	}
	var errs []error
	for _, args := range undo(rules, bridges) {
		_, err := iptables(ctx, append([]string{"-t", table}, args...)...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// undo lists the iptables calls that take Docker's rules and chains out of a
// table's listing: first what leads to them or names Docker's bridges, then the
// contents, then the chains, DOCKER-USER with the containment rule last.
func undo(rules string, bridges []string) [][]string {
	var jumps, flushes, chains, last [][]string
	for _, line := range lines(rules) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "-N" && words[1] == userChain:
			last = [][]string{{"-F", userChain}, {"-X", userChain}}
		case words[0] == "-N" && strings.HasPrefix(words[1], "DOCKER"):
			flushes = append(flushes, []string{"-F", words[1]})
			chains = append(chains, []string{"-X", words[1]})
		case words[0] == "-A" && !strings.HasPrefix(words[1], "DOCKER") && dockers(words[2:], bridges):
			jumps = append(jumps, append([]string{"-D"}, words[1:]...))
		}
	}
	return slices.Concat(jumps, flushes, chains, last)
}

// dockers tells whether a rule jumps to a chain of Docker's, names one of its
// bridges, or masquerades such a bridge's subnet.
func dockers(words, bridges []string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return strings.HasPrefix(word, "DOCKER") || slices.Contains(bridges, word)
	})
}

// rememberPolicy notes the FORWARD policy before Docker sets it to DROP.
func (e *Engine) rememberPolicy(ctx context.Context) error {
	if _, err := os.Stat(e.path("forward-policy")); err == nil {
		return nil
	}
	rules, err := iptables(ctx, "-S", forwardChain)
	if err != nil {
		return err
	}
	policy := strings.TrimPrefix(lines(rules)[0], "-P "+forwardChain+" ")
	return writeFile(e.path("forward-policy"), []byte(policy+"\n"), 0o644)
}
