// Command bench measures this project against its peers: what it costs to bring images to where they run.
//
//	tools/bazelw run //test/bench -- --suite=load
//
// A suite's competitors take turns in one run on one machine; package measure says how times and counts become figures.
// The tables go to stdout as Markdown, progress to stderr.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"github.com/kubernaut/kubernaut/test/bench/build"
	"github.com/kubernaut/kubernaut/test/bench/compression"
	"github.com/kubernaut/kubernaut/test/bench/growth"
	"github.com/kubernaut/kubernaut/test/bench/job"
	"github.com/kubernaut/kubernaut/test/bench/load"
	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/bench/push"
	"github.com/kubernaut/kubernaut/test/bench/remotecache"
)

// suites is the one place that knows them.
func suites() []measure.Suite {
	return []measure.Suite{
		build.Suite(), compression.Suite(), growth.Suite(), job.Bundle(), job.Cold(), job.Suite(),
		load.Suite(), push.Suite(), remotecache.Suite(),
	}
}

// document is written by --update, below the workspace.
const document = "docs/benchmarks.md"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := bench{suites: suites(), getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(b.main(ctx, os.Args[1:]))
}

// bench is the command with what it gets from the process.
type bench struct {
	suites         []measure.Suite
	getenv         func(string) string
	stdout, stderr io.Writer
}

// errUsage is bad input, exit code 2.
type errUsage struct{ error }

func (b bench) main(ctx context.Context, args []string) int {
	err := b.run(ctx, args)
	var usage errUsage
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(b.stderr, "bench: error: %v\nbench: hint: tools/bazelw run //test/bench -- --help\n", err)
		return 2
	}
	fmt.Fprintf(b.stderr, "bench: error: %v\n", err)
	return 1
}

type options struct {
	suites []measure.Suite
	rounds int
	json   string
	update bool
}

func (b bench) parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(b.stderr)
	names := flags.String("suite", "", "`NAME`s of suites, with commas between them: "+strings.Join(b.names(), ", "))
	flags.IntVar(&o.rounds, "rounds", byDefault, fmt.Sprintf("how `often` each competitor does each case; by default as often as --update needs, which is %d for most suites", measure.MinRounds))
	flags.StringVar(&o.json, "json", "", "write all samples to `FILE`, a list of one object for each suite")
	flags.BoolVar(&o.update, "update", false, "write the suite's section of "+document)
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, errUsage{err}
	}
	for name := range strings.SplitSeq(*names, ",") {
		suite, ok := b.find(name)
		if !ok {
			return o, errUsage{fmt.Errorf("--suite must be of %s, got %q", strings.Join(b.names(), ", "), name)}
		}
		o.suites = append(o.suites, suite)
	}
	return o, o.check(flags.Args())
}

// of is how many rounds the suite gets.
func (o options) of(s measure.Suite) int {
	if o.rounds == byDefault {
		return s.Needed()
	}
	return o.rounds
}

// byDefault are the rounds that a suite needs.
const byDefault = -1

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return errUsage{fmt.Errorf("unknown argument %q", rest[0])}
	case o.rounds < 1 && o.rounds != byDefault:
		return errUsage{fmt.Errorf("--rounds must be 1 or more, got %d", o.rounds)}
	}
	for _, s := range o.suites {
		if o.update && o.of(s) < s.Needed() {
			return errUsage{fmt.Errorf("--update needs --rounds=%d or more, got %d", s.Needed(), o.rounds)}
		}
	}
	return nil
}

func (b bench) names() []string {
	var names []string
	for _, s := range b.suites {
		names = append(names, s.Name)
	}
	return names
}

func (b bench) find(name string) (measure.Suite, bool) {
	for _, s := range b.suites {
		if s.Name == name {
			return s, true
		}
	}
	return measure.Suite{}, false
}

func (b bench) run(ctx context.Context, args []string) error {
	o, err := b.parse(args)
	if err != nil {
		return err
	}
	workspace := b.getenv("BUILD_WORKSPACE_DIRECTORY")
	if o.update && workspace == "" {
		return errUsage{errors.New("--update needs the workspace; start it by `tools/bazelw run //test/bench`")}
	}
	var results []measure.Result
	for _, s := range o.suites {
		result, err := b.suite(ctx, s, o.of(s))
		if err != nil {
			return err
		}
		results = append(results, result)
		if err := result.Markdown(b.stdout, s); err != nil {
			return err
		}
		if o.update {
			if err := measure.UpdateDocument(filepath.Join(workspace, document), s, &result); err != nil {
				return err
			}
		}
	}
	return b.writeJSON(o.json, results)
}

// suite runs one suite in a folder of its own.
func (b bench) suite(ctx context.Context, s measure.Suite, rounds int) (measure.Result, error) {
	state, err := b.state()
	if err != nil {
		return measure.Result{}, err
	}
	dir, err := os.MkdirTemp(state, s.Name+"-")
	if err != nil {
		return measure.Result{}, fmt.Errorf("creating folder: %w", err)
	}
	defer os.RemoveAll(dir)
	return measure.Run(ctx, s, &measure.Host{Dir: dir, State: state, File: rlocation, Log: b.log}, rounds)
}

func (b bench) log(format string, args ...any) { fmt.Fprintf(b.stderr, format+"\n", args...) }

func rlocation(path string) (string, error) {
	found, err := runfiles.Rlocation(path)
	if err == nil {
		_, err = os.Stat(found)
	}
	if err != nil {
		return "", fmt.Errorf("finding runfile %q: %w", path, err)
	}
	return found, nil
}

// state is the project's cache folder, on a disk: a temporary folder may be memory.
func (b bench) state() (string, error) {
	cache := b.getenv("KUBERNAUT_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", errUsage{fmt.Errorf("no cache folder: %w", err)}
		}
		cache = filepath.Join(user, "kubernaut")
	}
	dir, err := filepath.Abs(filepath.Join(cache, "bench"))
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// writeJSON takes a relative path as one of the folder where bazel run was typed.
func (b bench) writeJSON(path string, results []measure.Result) error {
	if path == "" {
		return nil
	}
	if caller := b.getenv("BUILD_WORKING_DIRECTORY"); caller != "" && !filepath.IsAbs(path) {
		path = filepath.Join(caller, path)
	}
	data, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
