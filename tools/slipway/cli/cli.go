// Package cli is slipway's command line: it reads flags and environment and puts the other packages together.
//
// No other package but command and delivery, which the command line of a program for pushes alone is made of, reads flags or the
// environment, and none exits the process.
package cli

import (
	"context"
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
)

// Main runs the command line and returns the exit code, see command.Program. getenv is os.Getenv outside of tests.
func Main(ctx context.Context, args []string, getenv func(string) string, streams command.Streams) int {
	program, _ := os.Executable() // one that is not known is in no bundle
	return runIn(ctx, program, args, getenv, streams, realSteps())
}

// runIn runs in the bundle of a program, if there is one.
func runIn(ctx context.Context, program string, args []string, getenv func(string) string, streams command.Streams, steps steps) int {
	workDir, _ := os.Getwd() // without one, hints name the bundle by its whole path
	inner, err := command.InBundle(program, workDir, getenv)
	if err != nil {
		command.Complain(streams.Err, err, "")
		return command.Code(ctx, err)
	}
	return command.Program{
		Default: "run", // so that a suite's target needs no subcommand
		Commands: map[string]command.Command{
			"run": runCommand(steps), "push": delivery.PushCommand, "doctor": delivery.DoctorCommand, "prune": pruneCommand,
			"release": releaseCommand, "report": reportCommand,
		},
		Usage: usage,
	}.Run(ctx, args, inner, streams)
}
