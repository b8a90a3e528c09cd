// Package app puts aianalysis together: settings, policies, the way to holmesgpt-api, reconciler.
//
// Configuration is environment and flags, as with every controller, and no file: there is nothing in it that a Deployment
// does not say as well, and the folder of policies is the one thing that changes while the service runs.
//
//	HOLMESGPT_API_URL       holmesgpt-api's base URL (its Service in the own namespace)
//	HOLMESGPT_API_TIMEOUT   time of one investigation (60s)
//	CONFIDENCE_THRESHOLD    least confidence, 0 to 1, with which a workflow may run (0.7)
//	REGO_POLICY_DIR         folder of the *.rego files (/etc/aianalysis/policies); changes are followed
//	RETRY_BASE, RETRY_MAX   pause after the first failed try (1s), which doubles up to the second (30s)
//	INVESTIGATING_TIMEOUT   time for an analysis's investigation with all its tries, when its spec has none (5m)
//	ANALYZING_TIMEOUT       the same for the decision about an approval (1m)
//
// Package policywatch says when policies come into force, and what tells of those that do not.
package app

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubernaut/kubernaut/services/aianalysis/approval"
	"github.com/kubernaut/kubernaut/services/aianalysis/investigation"
	"github.com/kubernaut/kubernaut/services/aianalysis/reconcile"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/policywatch"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// DefaultPolicyDir is where the manifest mounts the policies.
const DefaultPolicyDir = "/etc/aianalysis/policies"

// Config is what the environment says.
type Config struct {
	Controller controller.Settings
	HolmesGPT  investigation.Config
	PolicyDir  string
	Limits     reconcile.Limits
}

// Read takes the settings; the error names every invalid one.
func Read(env *settings.Reader) (Config, error) {
	cfg := Config{
		Controller: controller.ReadSettings(env),
		HolmesGPT: investigation.Config{
			URL:     env.URL("HOLMESGPT_API_URL", names.ServiceURL(names.HolmesGPTService)),
			Timeout: env.Duration("HOLMESGPT_API_TIMEOUT", 60*time.Second),
		},
		PolicyDir: env.String("REGO_POLICY_DIR", DefaultPolicyDir),
		Limits: reconcile.Limits{
			Confidence:    confidence(env),
			RetryBase:     env.Duration("RETRY_BASE", time.Second),
			RetryMax:      env.Duration("RETRY_MAX", 30*time.Second),
			Investigating: env.Duration("INVESTIGATING_TIMEOUT", 5*time.Minute),
			Analyzing:     env.Duration("ANALYZING_TIMEOUT", time.Minute),
		},
	}
	if cfg.Limits.RetryMax < cfg.Limits.RetryBase {
		env.Fail("RETRY_MAX", "be at least RETRY_BASE, "+cfg.Limits.RetryBase.String())
	}
	return cfg, env.Err()
}

func confidence(env *settings.Reader) float64 {
	const key = "CONFIDENCE_THRESHOLD"
	text := env.String(key, "0.7")
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0 && value <= 1) {
		env.Fail(key, "be a number from 0 to 1, got "+strconv.Quote(text))
	}
	return value
}

// Permissions returns everything that the service does in the cluster.
func Permissions(namespace string) []permission.Rule { return reconcile.Permissions(namespace) }

// Run is aianalysis as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := Read(env)
	if err != nil {
		return err
	}
	return controller.Run(ctx, controller.Config{
		Name:        names.AIAnalysis,
		Settings:    cfg.Controller,
		Permissions: Permissions(cfg.Controller.Namespace),
		Logger:      log,
	}, func(p controller.Platform) error { return setUp(ctx, cfg, p) })
}

func setUp(ctx context.Context, cfg Config, p controller.Platform) error {
	investigator, err := investigation.New(cfg.HolmesGPT)
	if err != nil {
		return err
	}
	policies, err := policywatch.Open(ctx, p, policywatch.Config{
		Component:  names.AIAnalysis,
		Dir:        cfg.PolicyDir,
		Packages:   approval.Packages(),
		Event:      names.EventAnalysisError,
		Category:   names.CategoryAnalysis,
		Namespace:  p.Namespace,
		Audit:      p.Audit,
		Log:        p.Log,
		Registerer: metrics.Registry,
	})
	if err != nil {
		return err
	}
	reconciler := &reconcile.Reconciler{
		Client:       p.GetClient(),
		Reader:       p.GetAPIReader(),
		Investigator: investigator,
		Approver:     approval.Approver{Policies: policies},
		Policies:     policies,
		Audit:        p.Audit,
		Events:       p.GetEventRecorder(names.AIAnalysis),
		Metrics:      reconcile.NewMetrics(metrics.Registry),
		Limits:       cfg.Limits,
	}
	return reconciler.SetUp(p.Manager)
}
