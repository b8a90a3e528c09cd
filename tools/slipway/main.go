// Command slipway runs an end-to-end suite: it brings the suite's images to a kind cluster, deploys, tests and reports.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/slipway/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run in order; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args[1:], os.Getenv, cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
