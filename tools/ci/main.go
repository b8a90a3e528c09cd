// Command ci answers what a CI run needs to know about a checkout: what a change affects, in which order to run it, what its
// images are called, and whether it has passed. `tools/bazelw run //tools/ci -- --help` tells how.
package main

import (
	"os"

	"github.com/kubernaut/kubernaut/tools/ci/cli"
	"github.com/kubernaut/kubernaut/tools/slipway/interrupt"
)

func main() {
	os.Exit(cli.Main(interrupt.Context(), os.Args[1:], os.Getenv, cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
