// Command crane is crane's own command line
// (https://github.com/google/go-containerregistry/tree/main/cmd/crane), built from the module that slipway uses as a library,
// so that a benchmark does not depend on which crane a machine has.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/google/go-containerregistry/cmd/crane/cmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := cmd.Root.ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}
