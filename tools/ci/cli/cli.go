// Package cli is the command line of tools/ci: flags, environment, messages and exit codes, which are slipway's.
//
// stdout holds results alone. A failure is one "ci: error:" line and at most two "ci: hint:" lines, which are things to type.
// No other package of tools/ci reads arguments or GITHUB_* variables.
package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

const maxHints = 2

// Streams are the process's output. There is no input.
type Streams struct {
	Out io.Writer // results
	Err io.Writer // everything else
}

// Main runs the command line and returns the exit code: 0 done, 1 a check has not passed, 2 usage, 3 Bazel, git, GitHub or the disk
// failed, 130 when ctx ended.
// getenv is os.Getenv outside of tests.
func Main(ctx context.Context, args []string, getenv func(string) string, streams Streams) int {
	err := run(ctx, args, getenv, streams)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return fault.Passed
	case ctx.Err() != nil:
		fmt.Fprintln(streams.Err, "ci: error: interrupted")
		return fault.Interrupted
	}
	fmt.Fprintf(streams.Err, "ci: error: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	hints := fault.Hints(err)
	for _, hint := range hints[:min(len(hints), maxHints)] {
		fmt.Fprintf(streams.Err, "ci: hint: %s\n", hint)
	}
	return fault.Code(err)
}

func run(ctx context.Context, args []string, getenv func(string) string, streams Streams) error {
	name := "--help"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	c := command{flags: flag.NewFlagSet(name, flag.ContinueOnError), getenv: getenv, streams: streams}
	switch name {
	case "help", "-h", "-help", "--help":
		return c.help()
	case "affected":
		return c.affected(ctx, args)
	case "matrix":
		return c.matrix(args)
	case "passed":
		return c.passed(ctx, args)
	case "tags":
		return c.tags(args)
	}
	return misuse("unknown command %q", name)
}

type command struct {
	flags   *flag.FlagSet
	getenv  func(string) string
	streams Streams
}

// parse refuses arguments unless others may follow the flags.
func (c command) parse(args []string, others bool) error {
	c.flags.SetOutput(io.Discard)
	err := c.flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return errors.Join(c.help(), err)
	case err != nil:
		return misuse("%w", err)
	case !others && c.flags.NArg() > 0:
		return misuse("unexpected argument %q", c.flags.Arg(0))
	}
	return nil
}

func (c command) help() error {
	_, err := io.WriteString(c.streams.Out, usage)
	return err
}

func misuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), "tools/bazelw run //tools/ci -- --help")
}

func (c command) note(format string, args ...any) {
	fmt.Fprintf(c.streams.Err, "ci: "+format+"\n", args...)
}

// fromCaller finds a path where the caller of `bazel run` means it.
func (c command) fromCaller(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.getenv("BUILD_WORKING_DIRECTORY"), path)
}

// workspace is the checkout that `bazel run` was called in, else the working directory.
func (c command) workspace() (string, error) {
	if dir := c.getenv("BUILD_WORKSPACE_DIRECTORY"); dir != "" {
		return dir, nil
	}
	return os.Getwd()
}

// cache is a folder of the project's cache folder, which tools/bazelw finds in the same way.
func (c command) cache() (string, error) {
	parent := c.getenv("KUBERNAUT_CACHE")
	if xdg := c.getenv("XDG_CACHE_HOME"); parent == "" && xdg != "" {
		parent = filepath.Join(xdg, "kubernaut")
	}
	if home := c.getenv("HOME"); parent == "" && home != "" {
		parent = filepath.Join(home, ".cache", "kubernaut")
	}
	if parent == "" {
		return "", fault.New(fault.Delivery, errors.New("finding the cache folder: HOME is not set"), "export KUBERNAUT_CACHE=/path/to/a/folder")
	}
	return filepath.Join(parent, "affected"), nil
}

// outputs appends "name=value" lines to the file that GitHub reads a step's outputs from, if that is asked for.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-output-parameter
func (c command) outputs(asked bool, lines string) error {
	if !asked {
		return nil
	}
	path := c.getenv("GITHUB_OUTPUT")
	if path == "" {
		return misuse("--github-output: GITHUB_OUTPUT is not set")
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing the step's outputs: %w", err)
	}
	_, err = io.WriteString(f, lines)
	if err = cmp.Or(err, f.Close()); err != nil {
		return fmt.Errorf("writing the step's outputs: %w", err)
	}
	return nil
}
