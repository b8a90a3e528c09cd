// Command offline is the tool set of a machine that reaches Debian's packages and a Go module proxy but neither GitHub, the
// Bazel Central Registry nor a container registry. tools/bazelw compiles and calls it; README.md tells what it makes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/engine"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "runtime" {
		os.Exit(engine.Runtime(os.Args[2:])) // the container engine's calls; must stay quick
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := dispatch(ctx, os.Args[1:])
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "bazelw: error: interrupted; the same command goes on where this one stopped")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bazelw: error: %v\n", err)
		if code == 0 {
			code = 3
		}
	}
	os.Exit(code)
}
