package journal

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Metrics of the orchestrator.
type Metrics struct {
	transitions *prometheus.CounterVec
	durations   *prometheus.HistogramVec
	blocked     *prometheus.CounterVec
}

// NewMetrics registers the metrics; it panics when they are registered already.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_remediationorchestrator_phase_transitions_total", Help: "Changes of a remediation's phase.",
		}, []string{"from", "to"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubernaut_remediationorchestrator_remediation_duration_seconds",
			Help: "Time from a request's creation to its end, by its last phase.",
			// From a problem that was gone at once to one that waited for a human.
			Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200},
		}, []string{"phase"}),
		blocked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_remediationorchestrator_blocked_total", Help: "Decisions to let a remediation wait, by reason.",
		}, []string{"reason"}),
	}
	registerer.MustRegister(m.transitions, m.durations, m.blocked)
	return m
}

func (m *Metrics) count(before, after *v1alpha1.RemediationRequest) {
	m.transitions.WithLabelValues(string(before.Status.OverallPhase), string(after.Status.OverallPhase)).Inc()
	if phase := after.Status.OverallPhase; phase.Terminal() {
		m.durations.WithLabelValues(string(phase)).Observe(took(after).Seconds())
	}
}
