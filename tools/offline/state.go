package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubernaut/kubernaut/tools/offline/debian"
	"github.com/kubernaut/kubernaut/tools/offline/launch"
	"github.com/kubernaut/kubernaut/tools/offline/node"
	"github.com/kubernaut/kubernaut/tools/offline/postgres"
	"github.com/kubernaut/kubernaut/tools/offline/registry"
	"github.com/kubernaut/kubernaut/tools/offline/root"
	"github.com/kubernaut/kubernaut/tools/offline/setup"
)

// state is what a finished set-up leaves for later calls: one small file, read at each of them.
type state struct {
	Root     string `json:"root"`
	Registry string `json:"registry"`
	Features string `json:"features"`
	Postgres string `json:"postgres"` // file with the list of PostgreSQL's files
	Node     string `json:"node"`     // reference of the node image
	Digest   string `json:"digest"`   // its image ID
}

func (s state) nodeImage() string { return s.Node + "@" + s.Digest }

// statePath is keyed by the sources of the tool set: another version of them is another set-up in the same cache.
func (p place) statePath() string { return filepath.Join(p.cache, "setup", p.key, "state.json") }

func (p place) read() (state, error) {
	var s state
	data, err := os.ReadFile(p.statePath())
	if err != nil {
		return s, fmt.Errorf("reading the tool set's state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading the tool set's state %q: %w", p.statePath(), err)
	}
	return s, nil
}

// ready returns the state of a finished set-up, after making it when it is not there.
func (p place) ready(ctx context.Context) (state, error) {
	if s, err := p.read(); err == nil {
		if _, err := os.Stat(s.Root); err == nil {
			return s, nil
		}
	}
	if err := p.check(); err != nil {
		return state{}, err
	}
	return p.setUp(ctx)
}

func (p place) check() error {
	if err := launch.CheckCache(p.cache); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("setting up the offline tool set: root is needed (or put bazelisk on PATH and use a machine with internet)")
	}
	if err := os.MkdirAll(filepath.Dir(p.statePath()), 0o755); err != nil {
		return fmt.Errorf("making the cache folder: %w", err)
	}
	return nil
}

// setUp runs all steps. The node image's programs compile (processor) while the Bazel root unpacks (disk).
func (p place) setUp(ctx context.Context) (state, error) {
	var s state
	apt := filepath.Join(p.cache, "apt")
	r := &setup.Runner{Cache: p.cache, Out: os.Stderr, Terminal: isTerminal(os.Stderr), Log: filepath.Join(p.cache, "setup.log")}
	err := r.Run(ctx,
		[]setup.Step{{Name: "Debian's mmdebstrap", Dir: apt, Run: func(ctx context.Context, _ io.Writer) error {
			_, err := debian.MMDebstrap(ctx, apt, root.Release)
			return err
		}}},
		[]setup.Step{
			{Name: "Bazel root", Dir: filepath.Join(p.cache, "root"), Run: func(ctx context.Context, log io.Writer) (err error) {
				s.Root, err = root.Ensure(ctx, p.cache, log)
				return err
			}},
			{Name: "kind node image's programs and file system", Dir: filepath.Join(p.cache, "node"), Run: func(ctx context.Context, log io.Writer) error {
				return p.builder(log).Prepare(ctx)
			}},
		},
		[]setup.Step{{Name: "PostgreSQL's files", Run: func(context.Context, io.Writer) error {
			s.Postgres = filepath.Join(filepath.Dir(p.statePath()), "postgres.json")
			return postgres.Write(s.Root, s.Postgres)
		}}},
		[]setup.Step{{Name: "Bazel modules", Dir: filepath.Join(p.cache, "registry"), Run: func(ctx context.Context, log io.Writer) error {
			made, err := registry.Ensure(ctx, registry.Config{
				Cache: p.cache, Offline: filepath.Join(p.workspace, "tools/offline"), Root: s.Root, Workspace: p.workspace,
			}, log)
			s.Registry, s.Features = made.Dir, made.Features
			return err
		}}},
		[]setup.Step{{Name: "container engine", Dir: filepath.Join(p.cache, "engine"), Run: func(ctx context.Context, log io.Writer) error {
			return p.newEngine(lines(log)).Ensure(ctx)
		}}},
		[]setup.Step{{Name: "kind node image", Dir: filepath.Join(p.cache, "node"), Run: func(ctx context.Context, log io.Writer) (err error) {
			s.Node, s.Digest, err = p.builder(log).Ensure(ctx)
			return err
		}}},
	)
	if err != nil {
		return s, err
	}
	return s, p.write(s)
}

// addTesting gives tests their browser and their registry. Without them they run all the same: those that need one fail and say so.
func (p place) addTesting(ctx context.Context, s state) {
	if root.HasTesting(s.Root) {
		return
	}
	r := &setup.Runner{Cache: p.cache, Out: os.Stderr, Terminal: isTerminal(os.Stderr), Log: filepath.Join(p.cache, "testing.log")}
	err := r.Run(ctx, []setup.Step{{Name: "browser and registry for tests", Run: func(ctx context.Context, log io.Writer) error {
		return root.EnsureTesting(ctx, p.cache, log)
	}}})
	if err != nil {
		fmt.Fprintf(os.Stderr, "bazelw: warning: %v\n", err)
	}
}

func (p place) write(s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	part := p.statePath() + ".part"
	if err := os.WriteFile(part, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(part, p.statePath())
}

// startEngine starts the engine unless one answers, and loads the node image unless the engine has it.
func (p place) startEngine(ctx context.Context, s state) error {
	if err := p.newEngine(lines(os.Stderr)).Ensure(ctx); err != nil {
		return fmt.Errorf("starting the container engine: %w", err)
	}
	reference, digest, err := p.builder(os.Stderr).Ensure(ctx)
	if err != nil {
		return fmt.Errorf("loading the node image: %w", err)
	}
	if reference == s.Node && digest == s.Digest {
		return nil
	}
	s.Node, s.Digest = reference, digest // built anew since the set-up; suites run again because of it
	return p.write(s)
}

func (p place) builder(log io.Writer) *node.Builder {
	return &node.Builder{
		Dir:        filepath.Join(p.cache, "node"),
		Sources:    filepath.Join(p.workspace, "tools/offline/node"),
		MMDebstrap: filepath.Join(p.cache, "apt/x/usr/bin/mmdebstrap"),
		Log:        lines(log),
	}
}

func lines(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
