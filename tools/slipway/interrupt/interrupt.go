// Package interrupt makes programs end in order on the first signal, and at once on the second.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Context ends with the first SIGINT or SIGTERM. A second one ends the process, as without this package.
func Context() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before anybody learns of the first: a second one would be caught, and lost
		cancel()
	}()
	return ctx
}
