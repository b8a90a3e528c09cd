// Command slipway runs an end-to-end suite: it brings the suite's images to a kind cluster, deploys, tests and reports.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/cli"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/interrupt"
)

func main() {
	os.Exit(cli.Main(interrupt.Context(), os.Args[1:], os.Getenv, command.Streams{Out: os.Stdout, Err: os.Stderr}))
}
