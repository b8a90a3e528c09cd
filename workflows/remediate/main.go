// Command remediate is the workflow that comes with the platform: it restarts a Deployment, or raises its memory limit.
// Package action says how it is told what to do. It prints what it has done, or the error that ends it with exit code 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/workflows/remediate/action"
)

func main() { os.Exit(run(os.Getenv, os.Stdout, os.Stderr)) }

func run(getenv func(string) string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	done, err := action.Run(ctx, getenv, action.InCluster)
	if err == nil {
		fmt.Fprintln(stdout, done)
		return 0
	}
	fmt.Fprintf(stderr, "remediate: error: %v\n", err)
	if exit := (action.Exit{}); errors.As(err, &exit) {
		return exit.Code
	}
	return 1
}
