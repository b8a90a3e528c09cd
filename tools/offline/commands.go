package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/offline/engine"
	"github.com/kubernaut/kubernaut/tools/offline/launch"
	"github.com/kubernaut/kubernaut/tools/offline/watch"
)

const usage = `usage: offline COMMAND

  bazel ARG…                 set up when needed, then run Bazel
  setup                      set up
  engine start|stop [--force]|status
                             the container engine that the tool set starts where none runs; start also loads the node image
  enter -- ARG…              run Bazel inside the root, without set-up

Environment, set by tools/bazelw: KUBERNAUT_CACHE, KUBERNAUT_WORKSPACE, KUBERNAUT_KEY, and KUBERNAUT_BAZELRC, an rc file
that imports the generated one.`

// place is where one call works.
type place struct {
	cache, workspace, key string
}

func here() (place, error) {
	p := place{os.Getenv("KUBERNAUT_CACHE"), os.Getenv("KUBERNAUT_WORKSPACE"), os.Getenv("KUBERNAUT_KEY")}
	if p.cache == "" || p.workspace == "" || p.key == "" {
		return p, errors.New("KUBERNAUT_CACHE, KUBERNAUT_WORKSPACE and KUBERNAUT_KEY are set by tools/bazelw; call that")
	}
	return p, nil
}

func dispatch(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New(usage)
	}
	p, err := here()
	if err != nil {
		return 2, err
	}
	switch args[0] {
	case "bazel":
		return p.bazel(ctx, args[1:])
	case "setup":
		_, err := p.ready(ctx)
		return 0, err
	case "engine":
		return p.engine(ctx, args[1:])
	case "enter":
		if len(args) > 1 && args[1] == "--" {
			return p.enter(args[2:])
		}
	}
	return 2, fmt.Errorf("unknown command %q\n%s", strings.Join(args, " "), usage)
}

func (p place) bazel(ctx context.Context, args []string) (int, error) {
	var seen *watch.Watch
	if launch.Starts(args) {
		seen = watch.Start("set-up", started(), p.cache, p.workspace, os.TempDir())
	}
	s, err := p.ready(ctx)
	if err != nil {
		return 3, err
	}
	if slices.Contains(args, "--config=e2e") {
		if err := p.startEngine(ctx, s); err != nil {
			return 3, err
		}
	}
	b, err := p.launcher(s)
	if err != nil {
		return 3, err
	}
	if launch.Tests(args) {
		p.addTesting(ctx, s)
	}
	if seen != nil {
		seen.Next("build")
		seen.Measure(ctx, "output base", b.OutputBase())
		seen.Measure(ctx, "disk cache", filepath.Join(p.cache, "disk"))
		b.Done = seen.Finish
	}
	return b.Exec(args, append(os.Environ(), "SLIPWAY_ENGINE_HOOK="+b.Self+" engine start"))
}

// started is when tools/bazelw was called, zero when it did not say.
func started() time.Time {
	s, err := strconv.ParseInt(os.Getenv("KUBERNAUT_STARTED"), 10, 64)
	if err != nil || s <= 0 {
		return time.Time{}
	}
	return time.Unix(s, 0)
}

func (p place) enter(args []string) (int, error) {
	s, err := p.read()
	if err != nil {
		return 3, err
	}
	b, err := p.launcher(s)
	if err != nil {
		return 3, err
	}
	return 3, b.Enter(args)
}

func (p place) engine(ctx context.Context, args []string) (int, error) {
	e := p.newEngine(func(format string, a ...any) { fmt.Fprintf(os.Stderr, format+"\n", a...) })
	switch strings.Join(args, " ") {
	case "start":
		s, err := p.ready(ctx)
		if err != nil {
			return 3, err
		}
		return 0, p.startEngine(ctx, s)
	case "stop":
		return 0, e.Stop(ctx)
	case "stop --force":
		e.Force = true
		return 0, e.Stop(ctx)
	case "status":
		status, err := e.Status(ctx)
		fmt.Println(status)
		return 0, err
	}
	return 2, fmt.Errorf("engine %q: start, stop, stop --force or status", strings.Join(args, " "))
}

func (p place) newEngine(log func(string, ...any)) *engine.Engine {
	return &engine.Engine{Dir: filepath.Join(p.cache, "engine"), Log: log, Host: os.Getenv("DOCKER_HOST")}
}

func (p place) launcher(s state) (launch.Bazel, error) {
	goEnv, err := goSettings()
	if err != nil {
		return launch.Bazel{}, err
	}
	rc, err := launch.RC{
		Cache: p.cache, Registry: s.Registry, Features: s.Features,
		GoProxy: goEnv.GOPROXY, ModCache: goEnv.GOMODCACHE, NodeImage: s.nodeImage(), Postgres: s.Postgres,
	}.Write(filepath.Dir(p.statePath()))
	if err != nil {
		return launch.Bazel{}, err
	}
	if outer := os.Getenv("KUBERNAUT_BAZELRC"); outer != "" {
		rc = outer
	}
	self, err := os.Executable()
	if err != nil {
		return launch.Bazel{}, err
	}
	binds := []string{goEnv.GOMODCACHE, goEnv.GOCACHE}
	if docker, err := exec.LookPath("docker"); err == nil {
		binds = append(binds, docker)
	}
	return launch.Bazel{
		Cache: p.cache, Root: s.Root, Workspace: p.workspace, RC: rc,
		GoRoot: goEnv.GOROOT, Binds: binds, Self: self,
	}, nil
}

type settings struct{ GOROOT, GOPROXY, GOMODCACHE, GOCACHE string }

func goSettings() (settings, error) {
	var s settings
	out, err := exec.Command("go", "env", "-json", "GOROOT", "GOPROXY", "GOMODCACHE", "GOCACHE").Output()
	if err != nil {
		return s, fmt.Errorf("asking go for its settings: %w", err)
	}
	return s, json.Unmarshal(out, &s)
}
