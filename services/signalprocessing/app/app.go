// Package app puts signalprocessing together: settings, policies, reconciler.
//
// Configuration is environment and flags, as with every controller, and no file: there is nothing in it that a Deployment
// does not say as well, and the folder of policies is the one thing that changes while the service runs.
//
//	POLICY_DIR           folder of the *.rego files (/etc/signalprocessing/policies); changes are followed
//	ENRICHMENT_TIMEOUT   time to read a target's surroundings when the signal asks for none (10s)
//	MAX_FAILURES         failed tries in a row after which a signal is Failed (5)
//
// The service is ready once policies are in force. Policies that do not compile leave the last good ones in force, and are an
// error in the log, a metric, and an audit event whose correlation id is the service's name, for no signal caused it.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/policy"
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
	reports := newReports(p.Log, p.Audit, p.Namespace, metrics.Registry)
	policies := policy.Open(ctx, policy.Config{Dir: cfg.PolicyDir, Packages: classification.Packages(), Changed: reports.changed})
	reports.changed(policies.Ready())
	if err := p.AddReadyzCheck("policies", func(*http.Request) error { return policies.Ready() }); err != nil {
		return err
	}
	if err := p.Add(watch{policies}); err != nil {
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

// watch follows the policies, in a replica that does not lead, too: it must be ready to.
type watch struct{ policies *policy.Set }

func (w watch) Start(ctx context.Context) error { return w.policies.Watch(ctx) }

func (w watch) NeedLeaderElection() bool { return false }

// reports tells about loads of policies.
type reports struct {
	log       *slog.Logger
	audit     reconcile.Recorder
	namespace string
	loads     *prometheus.CounterVec
}

func newReports(log *slog.Logger, trail reconcile.Recorder, namespace string, registerer prometheus.Registerer) reports {
	loads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kubernaut_signalprocessing_policy_loads_total", Help: "Loads of the policies, the first and one for each change, by outcome.",
	}, []string{"outcome"})
	for _, outcome := range []names.EventOutcome{names.OutcomeSuccess, names.OutcomeFailure} {
		loads.WithLabelValues(string(outcome))
	}
	registerer.MustRegister(loads)
	return reports{log: log, audit: trail, namespace: namespace, loads: loads}
}

func (r reports) changed(err error) {
	if err == nil {
		r.loads.WithLabelValues(string(names.OutcomeSuccess)).Inc()
		r.log.Info("policies are in force")
		return
	}
	r.loads.WithLabelValues(string(names.OutcomeFailure)).Inc()
	r.log.Error("policies are not taken over", "error", err.Error())
	event := audit.NewEvent(names.EventSignalProcessingError, names.CategorySignalProcessing, "load-policies", names.OutcomeFailure,
		names.SignalProcessing, map[string]string{"error": err.Error()})
	event.ActorType, event.ActorID = "service", names.SignalProcessing
	event.Namespace = r.namespace
	r.audit.Record(event)
}
