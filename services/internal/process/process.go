// Package process is the frame of every service's main: JSON logs on standard output, a context that ends with SIGTERM
// or SIGINT, the exit code.
//
//	func main() { os.Exit(process.Main("gateway", os.Args[1:], os.LookupEnv, gateway.Run)) }
package process

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// Run is a service: it reads its settings, works until ctx ends, and returns nil after a clean stop.
type Run func(ctx context.Context, env *settings.Reader, log *slog.Logger) error

// Main runs a service and returns the exit code: 0 after a clean stop, 1 after an error, which it logs. LOG_LEVEL
// (debug, info, warn, error; default info) sets what is logged. args are settings as flags; see package settings.
func Main(name string, args []string, lookup func(string) (string, bool), run Run) int {
	var level slog.LevelVar
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: &level})).With("service", name)
	if text, ok := lookup("LOG_LEVEL"); ok {
		if err := level.UnmarshalText([]byte(text)); err != nil {
			log.Error("cannot start", "error", "LOG_LEVEL must be debug, info, warn or error")
			return 1
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, settings.New(lookup, args...), log); err != nil {
		log.Error("stopped", "error", err.Error())
		return 1
	}
	return 0
}
