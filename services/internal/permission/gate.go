package permission

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
)

// How a Gate asks again.
const (
	firstPause   = time.Second / 4
	longestPause = 10 * time.Second
	askTimeout   = 5 * time.Second // of one try, all questions together
)

// Gate is Check for services that run on while the API server is away, as those behind HTTP do: alive, not ready. Only an
// answer that denies something ends the service. It is safe for concurrent use.
type Gate struct {
	config *rest.Config
	rules  []Rule
	log    *slog.Logger
	last   atomic.Pointer[error] // of the last try
}

// Open asks once. The error is a *Denial; when the API server does not answer there is none, and Run asks again.
func Open(ctx context.Context, config *rest.Config, rules []Rule, log *slog.Logger) (*Gate, error) {
	g := &Gate{config: config, rules: rules, log: log}
	var denial *Denial
	if err := g.try(ctx); errors.As(err, &denial) {
		return nil, err
	}
	return g, nil
}

// Ready is a check of readiness: it returns why the permissions are not known yet, nil once they are.
func (g *Gate) Ready(context.Context) error { return *g.last.Load() }

// Run runs serve until it returns. A *Denial that the API server answers meanwhile ends serve's context and is returned.
func (g *Gate) Run(ctx context.Context, serve func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.await(ctx) })
	group.Go(func() error { defer cancel(); return serve(ctx) })
	return group.Wait()
}

// await asks until there is an answer or ctx ends.
func (g *Gate) await(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := *g.last.Load()
		var denial *Denial
		if err == nil || errors.As(err, &denial) {
			return err
		}
		g.log.Warn("permissions are not known yet", "error", err.Error(), "retry_seconds", pause.Seconds())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		_ = g.try(ctx)
	}
}

func (g *Gate) try(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := Check(bounded, g.config, g.rules)
	g.last.Store(&err)
	return err
}
