// Package app puts the orchestrator together: settings, router, journal, reconciler.
package app

import (
	"context"
	"log/slog"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/journal"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/reconcile"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/routing"
)

// Config is what environment and flags say.
type Config struct {
	Controller controller.Settings
	Limits     reconcile.Limits
	Routing    routing.Limits
}

// Read takes, besides what every controller takes, the time limits GLOBAL_TIMEOUT (1h), PROCESSING_TIMEOUT (5m),
// ANALYZING_TIMEOUT (10m), EXECUTING_TIMEOUT (30m) and APPROVAL_TIMEOUT (15m), and the thresholds of routing:
// CONSECUTIVE_FAILURE_LIMIT (3), CONSECUTIVE_FAILURE_COOLDOWN (1h), RECENTLY_REMEDIATED_COOLDOWN (5m), BACKOFF_BASE (1m),
// BACKOFF_MAX (10m) and BLOCKED_RECHECK_INTERVAL (30s). The error names every invalid key.
func Read(env *settings.Reader) (Config, error) {
	cfg := Config{
		Controller: controller.ReadSettings(env),
		Limits: reconcile.Limits{
			Global:     env.Duration("GLOBAL_TIMEOUT", time.Hour),
			Processing: env.Duration("PROCESSING_TIMEOUT", 5*time.Minute),
			Analyzing:  env.Duration("ANALYZING_TIMEOUT", 10*time.Minute),
			Executing:  env.Duration("EXECUTING_TIMEOUT", 30*time.Minute),
			Approval:   env.Duration("APPROVAL_TIMEOUT", 15*time.Minute),
			Recheck:    env.Duration("BLOCKED_RECHECK_INTERVAL", 30*time.Second),
		},
		Routing: routing.Limits{
			ConsecutiveFailures: env.Int("CONSECUTIVE_FAILURE_LIMIT", 3, 1, 1000),
			FailureCooldown:     env.Duration("CONSECUTIVE_FAILURE_COOLDOWN", time.Hour),
			RemediatedCooldown:  env.Duration("RECENTLY_REMEDIATED_COOLDOWN", 5*time.Minute),
			BackoffBase:         env.Duration("BACKOFF_BASE", time.Minute),
			BackoffMax:          env.Duration("BACKOFF_MAX", 10*time.Minute),
		},
	}
	if cfg.Routing.BackoffMax < cfg.Routing.BackoffBase {
		env.Fail("BACKOFF_MAX", "be at least BACKOFF_BASE")
	}
	return cfg, env.Err()
}

// Run is the orchestrator as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := Read(env)
	if err != nil {
		return err
	}
	return controller.Run(ctx, controller.Config{
		Name:        names.RemediationOrchestrator,
		Settings:    cfg.Controller,
		Permissions: reconcile.Permissions(cfg.Controller.Namespace),
		Logger:      log,
	}, func(platform controller.Platform) error {
		events := platform.GetEventRecorder(names.RemediationOrchestrator)
		reconciler := &reconcile.Reconciler{
			Client:  platform.GetClient(),
			Direct:  platform.GetAPIReader(),
			Scheme:  platform.GetScheme(),
			Limits:  cfg.Limits,
			Router:  routing.Router{Reader: platform.GetAPIReader(), Limits: cfg.Routing, Now: time.Now},
			Journal: journal.New(platform.Audit, events, journal.NewMetrics(metrics.Registry)),
			Now:     time.Now,
		}
		return reconciler.Watch(ctx, platform)
	})
}
