package httpserver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type requestMetrics struct {
	seconds *prometheus.HistogramVec
}

func newRequestMetrics(registry *prometheus.Registry) *requestMetrics {
	m := &requestMetrics{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "kubernaut_http_request_duration_seconds",
		Help:    "Time from a request's header to the end of its answer.",
		Buckets: prometheus.DefBuckets,
	}, []string{"method", "route", "status"})}
	registry.MustRegister(m.seconds)
	return m
}

// observe labels with the route's pattern and with known methods only: paths and methods are the client's choice, and
// must not become time series.
func (m *requestMetrics) observe(r *http.Request, status int, elapsed time.Duration) {
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	m.seconds.WithLabelValues(method(r.Method), route, strconv.Itoa(status)).Observe(elapsed.Seconds())
}

func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return name
	}
	return "other"
}
