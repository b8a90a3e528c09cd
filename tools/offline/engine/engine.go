// Package engine gives the machine a container engine that no cluster can leave.
//
// A Docker engine that already answers (on $DOCKER_HOST or the default socket)
// is used as it is. Otherwise dockerd comes from Debian's packages and is
// started by hand: data, sockets, configuration, log and pid file are below one
// folder, and nothing is written to /etc. Where this process may not hold every
// capability, an OCI runtime wrapper (see [Runtime]) leaves out the missing ones.
//
// Containment is not a setting. Before Ensure returns, a verified packet filter
// rule rejects whatever a container sends towards the uplink of any IPv4 default
// route, and the network "kind" exists, IPv4 only, so that nothing creates it
// with IPv6. Where the rule cannot be set, Ensure fails.
//
// Non-goals: rootless engines, podman's own command line, IPv6.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kubernaut/kubernaut/tools/offline/engine/lock"
)

const (
	// defaultSocket is where every Docker client looks without configuration.
	defaultSocket = "/var/run/docker.sock"
	// startLimit bounds the wait for a started daemon.
	startLimit = 60 * time.Second
)

// Engine is the machine's container engine as seen from one folder. Methods of
// several processes on the same folder may run at once: a file lock orders them.
type Engine struct {
	// Dir holds everything that the engine writes. It is made when missing.
	Dir string
	// Log receives one line per thing done; nil drops them.
	Log func(format string, args ...any)
	// Host is the value of DOCKER_HOST; empty means the default socket.
	Host string
	// Executable is a program that calls [Runtime] when its first argument is
	// "runtime"; empty means the running one.
	Executable string
	// Force lets Stop delete clusters that exist.
	Force bool
}

// Ensure returns once an engine answers, its containers are cut off from the
// outside and the network "kind" exists. A warm call takes about 20 ms.
func (e *Engine) Ensure(ctx context.Context) error {
	unlock, err := lock.Acquire(ctx, e.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	api, err := newClient(e.Host)
	if err != nil {
		return err
	}
	if err := e.answering(ctx, api); err != nil {
		return err
	}
	if api.local {
		if err := e.contain(ctx); err != nil {
			return fmt.Errorf("closing the way out of containers: %w", err)
		}
	}
	return e.ensureNetwork(ctx, api)
}

// answering starts an engine unless one is there.
func (e *Engine) answering(ctx context.Context, api *client) error {
	if api.ping(ctx) == nil {
		return e.installClient(ctx)
	}
	if e.Host != "" {
		return fmt.Errorf("reaching the container engine at %q: no answer; start it, or unset DOCKER_HOST", e.Host)
	}
	if os.Geteuid() != 0 {
		return errors.New("starting a container engine: root is needed")
	}
	if err := e.install(ctx); err != nil {
		return err
	}
	// A package may start its service while it is installed.
	if api.ping(ctx) == nil {
		return nil
	}
	return e.start(ctx, api)
}

func (e *Engine) logf(format string, args ...any) {
	if e.Log != nil {
		e.Log(format, args...)
	}
}

func (e *Engine) path(elem ...string) string {
	return filepath.Join(append([]string{e.Dir}, elem...)...)
}

// sleep returns early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
