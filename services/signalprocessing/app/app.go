// Package app puts signalprocessing together: settings, policies, reconciler.
//
// Configuration is environment and flags, as with every controller, and no file: there is nothing in it that a Deployment
// does not say as well, and the folder of policies is the one thing that changes while the service runs.
//
//	POLICY_DIR           folder of the *.rego files (/etc/signalprocessing/policies); changes are followed
//	ENRICHMENT_TIMEOUT   time to read a target's surroundings when the signal asks for none (10s)
//	MAX_FAILURES         failed tries in a row after which a signal is Failed (5)
//
// Package policywatch says when policies come into force, and what tells of those that do not.
package app

import (
	"context"
	"log/slog"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/policywatch"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/signalprocessing/classification"
	"github.com/kubernaut/kubernaut/services/signalprocessing/enrichment"
	"github.com/kubernaut/kubernaut/services/signalprocessing/reconcile"
)

// DefaultPolicyDir is where the manifest mounts the policies.
const DefaultPolicyDir = "/etc/signalprocessing/policies"

// Config is what the environment says.
type Config struct {
	Controller        controller.Settings
	PolicyDir         string
	EnrichmentTimeout time.Duration
	MaxFailures       int32
}

// Read takes the settings; the error names every invalid one.
func Read(env *settings.Reader) (Config, error) {
	cfg := Config{
		Controller:        controller.ReadSettings(env),
		PolicyDir:         env.String("POLICY_DIR", DefaultPolicyDir),
		EnrichmentTimeout: env.Duration("ENRICHMENT_TIMEOUT", 10*time.Second),
		MaxFailures:       int32(env.Int("MAX_FAILURES", 5, 1, 1000)),
	}
	if cfg.EnrichmentTimeout > enrichment.MaxTimeout {
		env.Fail("ENRICHMENT_TIMEOUT", "be at most "+enrichment.MaxTimeout.String())
	}
	return cfg, env.Err()
}

// Permissions returns everything that the service does in the cluster.
func Permissions(namespace string) []permission.Rule {
	return append(reconcile.Permissions(namespace), enrichment.Permissions()...)
}

// Run is signalprocessing as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := Read(env)
	if err != nil {
		return err
	}
	return controller.Run(ctx, controller.Config{
		Name:        names.SignalProcessing,
		Settings:    cfg.Controller,
		Permissions: Permissions(cfg.Controller.Namespace),
		Logger:      log,
	}, func(p controller.Platform) error { return setUp(ctx, cfg, p) })
}

func setUp(ctx context.Context, cfg Config, p controller.Platform) error {
	policies, err := policywatch.Open(ctx, p, policywatch.Config{
		Component:  names.SignalProcessing,
		Dir:        cfg.PolicyDir,
		Packages:   classification.Packages(),
		Event:      names.EventSignalProcessingError,
		Category:   names.CategorySignalProcessing,
		Namespace:  p.Namespace,
		Audit:      p.Audit,
		Log:        p.Log,
		Registerer: metrics.Registry,
	})
	if err != nil {
		return err
	}
	reconciler := &reconcile.Reconciler{
		Client:      p.GetClient(),
		Enricher:    enrichment.Enricher{Reader: p.GetAPIReader(), Timeout: cfg.EnrichmentTimeout},
		Classifier:  classification.Classifier{Policies: policies},
		Policies:    policies,
		Audit:       p.Audit,
		Metrics:     reconcile.NewMetrics(metrics.Registry),
		MaxFailures: cfg.MaxFailures,
	}
	return reconciler.SetUp(p.Manager)
}
