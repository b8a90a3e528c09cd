// Package policywatch follows a service's folder of policies while its controller runs, and reports each load.
//
// The service is ready once policies are in force. Policies that do not compile leave the last good ones in force, and are an
// error in the log, a metric, and an audit event whose correlation id is the service's name, for no object caused it.
package policywatch

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// Manager runs the watch and asks whether policies are in force; controller.Platform is one.
type Manager interface {
	Add(runnable manager.Runnable) error
	AddReadyzCheck(name string, check healthz.Checker) error
}

// Config says which policies are followed and where loads are reported. All fields are required.
type Config struct {
	// Component is the service's name, for instance names.SignalProcessing. It is the audit event's actor, too, and a part
	// of the metric's name, kubernaut_<component>_policy_loads_total.
	Component string
	// Dir and Packages are those of policy.Config.
	Dir      string
	Packages []string
	// Event and Category are those of the audit event about policies that are not taken over, Namespace is its namespace.
	Event      names.EventType
	Category   names.EventCategory
	Namespace  string
	Audit      audit.Recorder
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Open loads the policies and reports how that went, and adds the watch and the readiness check "policies" to m. Unusable
// policies are no error.
func Open(ctx context.Context, m Manager, cfg Config) (*policy.Set, error) {
	r := reports{Config: cfg, loads: newLoads(cfg)}
	policies := policy.Open(ctx, policy.Config{Dir: cfg.Dir, Packages: cfg.Packages, Changed: r.changed})
	r.changed(policies.Ready())
	if err := m.AddReadyzCheck("policies", func(*http.Request) error { return policies.Ready() }); err != nil {
		return nil, err
	}
	return policies, m.Add(watch{policies})
}

// watch follows the policies, in a replica that does not lead, too: it must be ready to.
type watch struct{ policies *policy.Set }

func (w watch) Start(ctx context.Context) error { return w.policies.Watch(ctx) }

func (w watch) NeedLeaderElection() bool { return false }

func newLoads(cfg Config) *prometheus.CounterVec {
	loads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kubernaut_" + cfg.Component + "_policy_loads_total", Help: "Loads of the policies, the first and one for each change, by outcome.",
	}, []string{"outcome"})
	for _, outcome := range []names.EventOutcome{names.OutcomeSuccess, names.OutcomeFailure} {
		loads.WithLabelValues(string(outcome))
	}
	cfg.Registerer.MustRegister(loads)
	return loads
}

// reports tells about loads of policies.
type reports struct {
	Config
	loads *prometheus.CounterVec
}

func (r reports) changed(err error) {
	if err == nil {
		r.loads.WithLabelValues(string(names.OutcomeSuccess)).Inc()
		r.Log.Info("policies are in force")
		return
	}
	r.loads.WithLabelValues(string(names.OutcomeFailure)).Inc()
	r.Log.Error("policies are not taken over", "error", err.Error())
	event := audit.NewEvent(r.Event, r.Category, "load-policies", names.OutcomeFailure, r.Component, map[string]string{"error": err.Error()})
	event.ActorType, event.ActorID = "service", r.Component
	event.Namespace = r.Namespace
	r.Audit.Record(event)
}
