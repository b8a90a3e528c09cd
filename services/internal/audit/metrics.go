package audit

import "github.com/prometheus/client_golang/prometheus"

// Reasons for a drop: the values of the metric's label.
const (
	dropBufferFull = "buffer_full"
	dropInvalid    = "invalid"
	dropClosed     = "closed"
)

type metrics struct {
	sent     prometheus.Counter
	failures prometheus.Counter
	buffered prometheus.Gauge
	dropped  *prometheus.CounterVec
}

func newMetrics(registerer prometheus.Registerer) *metrics {
	m := &metrics{
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kubernaut_audit_events_sent_total", Help: "Audit events that datastorage has stored.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kubernaut_audit_delivery_failures_total", Help: "Deliveries that failed and are tried again.",
		}),
		buffered: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubernaut_audit_events_buffered", Help: "Audit events that wait for delivery.",
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_audit_events_dropped_total", Help: "Audit events that were lost, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{dropBufferFull, dropInvalid, dropClosed} {
		m.dropped.WithLabelValues(reason)
	}
	if registerer != nil {
		registerer.MustRegister(m.sent, m.failures, m.buffered, m.dropped)
	}
	return m
}

// drop counts and logs lost events. Payloads stay out of the log: they may hold what the log must not.
func (c *Client) drop(events []Event, reason, answer string) {
	c.metrics.dropped.WithLabelValues(reason).Add(float64(len(events)))
	c.cfg.Logger.Error("audit events dropped", "count", len(events), "reason", reason,
		"first_event_type", events[0].Type, "first_correlation_id", events[0].CorrelationID, "answer", answer)
}
