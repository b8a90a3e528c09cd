package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// metrics count signals, not posts. All have the label signal_type.
type metrics struct {
	received, deduplicated, created, failed *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "kubernaut", Subsystem: "gateway", Name: name, Help: help},
			[]string{"signal_type"})
		for _, kind := range []v1alpha1.SignalType{v1alpha1.PrometheusAlert, v1alpha1.KubernetesEvent} {
			vec.WithLabelValues(string(kind))
		}
		registerer.MustRegister(vec)
		return vec
	}
	return metrics{
		received:     counter("signals_received_total", "Valid signals that were received."),
		deduplicated: counter("signals_deduplicated_total", "Signals that belonged to an active RemediationRequest."),
		created:      counter("remediation_requests_created_total", "RemediationRequests that were created."),
		failed:       counter("remediation_requests_failed_total", "Signals that came to nothing because of an error."),
	}
}
