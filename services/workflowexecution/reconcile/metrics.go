package reconcile

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Metrics are of executions that have ended.
type Metrics struct {
	executions *prometheus.CounterVec
	duration   *prometheus.HistogramVec
}

// NewMetrics registers the metrics. The label outcome is completed or failed; reason is a failure's, else empty.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{
		executions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_workflowexecution_executions_total", Help: "Executions that have ended, by outcome and reason.",
		}, []string{"outcome", "reason"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubernaut_workflowexecution_duration_seconds", Help: "Time from creating a Job to its end, by outcome.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12), // 1 s to about 34 min
		}, []string{"outcome"}),
	}
	registerer.MustRegister(m.executions, m.duration)
	return m
}

func (m *Metrics) ended(execution *v1alpha1.WorkflowExecution) {
	status := execution.Status
	outcome := strings.ToLower(string(status.Phase))
	m.executions.WithLabelValues(outcome, string(status.FailureReason)).Inc()
	if status.StartTime != nil {
		m.duration.WithLabelValues(outcome).Observe(status.CompletionTime.Sub(status.StartTime.Time).Seconds())
	}
}
