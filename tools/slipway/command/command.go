// Package command is what the programs of slipway have in common: how they are started, how they end, what they print and
// the files that their reports go to.
//
// stdout holds results alone: one "<image> <reference by digest>" for each image. Everything else, the test's own output
// included, goes to stderr. A failure is printed once, here, as one "slipway: error:" line and at most two
// "slipway: hint:" lines, which are things to type.
//
// It reads neither arguments nor the environment by itself: a program's main hands them over.
package command

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// Streams are the process's output. There is no input.
type Streams struct {
	Out io.Writer // results
	Err io.Writer // everything else
}

// Command is one that a program knows by name.
type Command func(ctx context.Context, args []string, getenv func(string) string, streams Streams) error

// Program is commands and the one that is meant when none is named. "help" and "version" it knows itself.
type Program struct {
	Commands map[string]Command
	Default  string
	Usage    string
}

// Run runs the command that the arguments name and returns the exit code: 0 passed, 1 tests failed, 2 usage or plan,
// 3 delivery or cluster, 130 when ctx ended.
func (p Program) Run(ctx context.Context, args []string, getenv func(string) string, streams Streams) int {
	name, args := p.command(args)
	var err error
	run, known := p.Commands[name]
	switch {
	case name == "version":
		fmt.Fprintln(streams.Out, version())
	case name == "help":
		io.WriteString(streams.Out, p.Usage)
	case known:
		err = run(ctx, args, getenv, streams)
	default:
		err = fault.New(fault.Usage, fmt.Errorf("unknown command %q", name), "--help")
	}
	if err == nil {
		return fault.Passed
	}
	Complain(streams.Err, err, getenv(Variable))
	return Code(ctx, err)
}

// command splits the subcommand off.
func (p Program) command(args []string) (string, []string) {
	if len(args) == 0 || args[0] == "--" {
		return p.Default, args
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return "help", nil
	case "-version", "--version":
		return "version", nil
	}
	if strings.HasPrefix(args[0], "-") {
		return p.Default, args
	}
	return args[0], args[1:]
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "slipway (devel)"
	}
	return "slipway " + info.Main.Version
}
