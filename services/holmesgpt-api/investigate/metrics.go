package investigate

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

// Results: values of the metrics' label. The first three are an investigation's, then a call's, then a proposal's.
const (
	resultDecided = "decided"
	resultReview  = "human_review"
	resultFailed  = "failed"
	resultSuccess = "success"
	resultFailure = "failure"
	resultValid   = "valid"
	resultRefused = "refused"
)

type metrics struct {
	investigations, calls, attempts *prometheus.CounterVec
	seconds                         prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "kubernaut", Subsystem: "holmesgpt", Name: name, Help: help}, labels)
		registerer.MustRegister(vec)
		return vec
	}
	m := metrics{
		investigations: counter("investigations_total", "Investigations by route and result.", "route", "result"),
		calls:          counter("llm_calls_total", "Calls of the model by result.", "result"),
		attempts:       counter("proposals_total", "Answers of the model that were checked, by result.", "result"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubernaut_holmesgpt_llm_call_duration_seconds", Help: "Time of one call of the model.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}),
	}
	registerer.MustRegister(m.seconds)
	for _, result := range []string{resultDecided, resultReview, resultFailed} {
		m.investigations.WithLabelValues(routeIncident, result)
		m.investigations.WithLabelValues(routeRecovery, result)
	}
	for vec, results := range map[*prometheus.CounterVec][]string{m.calls: {resultSuccess, resultFailure}, m.attempts: {resultValid, resultRefused}} {
		for _, result := range results {
			vec.WithLabelValues(result)
		}
	}
	return m
}

func (m metrics) investigated(route string, response holmesgpt.Response, err error) {
	result := resultDecided
	switch {
	case err != nil:
		result = resultFailed
	case response.NeedsHumanReview:
		result = resultReview
	}
	m.investigations.WithLabelValues(route, result).Inc()
}

func (m metrics) called(err error, elapsed time.Duration) {
	result := resultSuccess
	if err != nil {
		result = resultFailure
	}
	m.calls.WithLabelValues(result).Inc()
	m.seconds.Observe(elapsed.Seconds())
}

func (m metrics) judged(valid bool) {
	result := resultValid
	if !valid {
		result = resultRefused
	}
	m.attempts.WithLabelValues(result).Inc()
}
