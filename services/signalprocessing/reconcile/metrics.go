package reconcile

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Metrics count phases as they end. Make them with NewMetrics.
type Metrics struct {
	processed *prometheus.CounterVec
	duration  *prometheus.HistogramVec
}

// NewMetrics registers the metrics, with every series from the start.
func NewMetrics(registerer prometheus.Registerer) Metrics {
	m := Metrics{
		processed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_signalprocessing_processed_total", Help: "Phases that ended, by outcome; a retry is a failure.",
		}, []string{"phase", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubernaut_signalprocessing_phase_duration_seconds", Help: "Time that a phase took, its status write left out.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8), // 1 ms to 16 s
		}, []string{"phase"}),
	}
	for _, phase := range []v1alpha1.SignalProcessingPhase{
		v1alpha1.SignalProcessingPending, v1alpha1.SignalProcessingEnriching, v1alpha1.SignalProcessingClassifying, v1alpha1.SignalProcessingCategorizing,
	} {
		m.duration.WithLabelValues(string(phase))
		for _, outcome := range []names.EventOutcome{names.OutcomeSuccess, names.OutcomeFailure} {
			m.processed.WithLabelValues(string(phase), string(outcome))
		}
	}
	registerer.MustRegister(m.processed, m.duration)
	return m
}

// left counts the end of a phase. Staying in it is a failure to leave it; before Pending there is none.
func (m Metrics) left(from, to v1alpha1.SignalProcessingPhase, took time.Duration) {
	switch {
	case from == "":
	case from == to || to == v1alpha1.SignalProcessingFailed:
		m.processed.WithLabelValues(string(from), string(names.OutcomeFailure)).Inc()
	default:
		m.processed.WithLabelValues(string(from), string(names.OutcomeSuccess)).Inc()
		m.duration.WithLabelValues(string(from)).Observe(took.Seconds())
	}
}
