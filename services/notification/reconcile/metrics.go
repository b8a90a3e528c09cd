package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/schedule"
)

// Results of a delivery, as a label.
const (
	resultSent   = "sent"
	resultFailed = "failed"
)

// Metrics are of attempts and of deliveries that have ended, by channel.
type Metrics struct {
	deliveries *prometheus.CounterVec
	retries    *prometheus.CounterVec
	duration   *prometheus.HistogramVec
}

// NewMetrics registers the metrics. The series of the given channels are there from the start, at 0.
func NewMetrics(registerer prometheus.Registerer, channels ...v1alpha1.Channel) *Metrics {
	m := &Metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_notification_deliveries_total", Help: "Deliveries that have ended, by channel and result.",
		}, []string{"channel", "result"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_notification_retries_total", Help: "Attempts after a delivery's first one, by channel.",
		}, []string{"channel"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubernaut_notification_delivery_duration_seconds", Help: "Time of one attempt, by channel.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 10), // 1 ms to about 20 s
		}, []string{"channel"}),
	}
	for _, channel := range channels {
		m.deliveries.WithLabelValues(string(channel), resultSent)
		m.deliveries.WithLabelValues(string(channel), resultFailed)
		m.retries.WithLabelValues(string(channel))
		m.duration.WithLabelValues(string(channel))
	}
	registerer.MustRegister(m.deliveries, m.retries, m.duration)
	return m
}

func (m *Metrics) attempted(attempt v1alpha1.DeliveryAttempt) {
	m.duration.WithLabelValues(string(attempt.Channel)).Observe(attempt.DurationSeconds)
	if attempt.Attempt > 1 {
		m.retries.WithLabelValues(string(attempt.Channel)).Inc()
	}
}

func (m *Metrics) ended(d schedule.Delivery) {
	result := resultSent
	if d.State == schedule.Failed {
		result = resultFailed
	}
	m.deliveries.WithLabelValues(string(d.Channel), result).Inc()
}
