// Command ci answers what a CI run needs to know about a checkout: what a change affects, in which order to run it, and what
// its images are called. `tools/bazelw run //tools/ci -- --help` tells how.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/ci/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run in order; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], os.Getenv, cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
