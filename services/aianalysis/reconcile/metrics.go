package reconcile

import (
	"cmp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Metrics count phases, calls and results as they end. Make them with NewMetrics.
type Metrics struct {
	processed *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	calls     *prometheus.CounterVec
	results   *prometheus.CounterVec
	approvals *prometheus.CounterVec
}

// none is the sub-reason of an analysis that has none.
const none = "none"

// NewMetrics registers the metrics, with every series from the start but those of sub-reasons.
func NewMetrics(registerer prometheus.Registerer) Metrics {
	m := Metrics{
		processed: counter("phases_total", "Phases that ended, by outcome; a retry is a failure.", "phase", "outcome"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubernaut_aianalysis_phase_duration_seconds", Help: "Time that the last try of a phase took, its status write left out.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9), // 1 ms to 65 s
		}, []string{"phase"}),
		calls:     counter("holmesgpt_calls_total", "Calls of holmesgpt-api, by outcome.", "outcome"),
		results:   counter("analyses_total", "Finished analyses, by phase and sub-reason.", "phase", "sub_reason"),
		approvals: counter("approval_decisions_total", "Decisions whether a human must approve.", "required"),
	}
	for _, outcome := range []names.EventOutcome{names.OutcomeSuccess, names.OutcomeFailure} {
		m.calls.WithLabelValues(string(outcome))
		for _, phase := range []v1alpha1.AIAnalysisPhase{v1alpha1.AIAnalysisPending, v1alpha1.AIAnalysisInvestigating, v1alpha1.AIAnalysisAnalyzing} {
			m.processed.WithLabelValues(string(phase), string(outcome))
			m.duration.WithLabelValues(string(phase))
		}
	}
	for _, required := range []bool{false, true} {
		m.approvals.WithLabelValues(strconv.FormatBool(required))
	}
	m.results.WithLabelValues(string(v1alpha1.AIAnalysisCompleted), none)
	registerer.MustRegister(m.processed, m.duration, m.calls, m.results, m.approvals)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kubernaut_aianalysis_" + name, Help: help}, labels)
}

// called counts one call of holmesgpt-api.
func (m Metrics) called(err error) {
	outcome := names.OutcomeSuccess
	if err != nil {
		outcome = names.OutcomeFailure
	}
	m.calls.WithLabelValues(string(outcome)).Inc()
}

// left counts the end of a phase. Staying in it is a failure to leave it; before Pending there is none.
func (m Metrics) left(from, to v1alpha1.AIAnalysisPhase, took time.Duration) {
	switch {
	case from == "":
	case from == to:
		m.processed.WithLabelValues(string(from), string(names.OutcomeFailure)).Inc()
	default:
		m.processed.WithLabelValues(string(from), string(outcome(to))).Inc()
		m.duration.WithLabelValues(string(from)).Observe(took.Seconds())
	}
}

// ended counts a finished analysis.
func (m Metrics) ended(status v1alpha1.AIAnalysisStatus) {
	m.results.WithLabelValues(string(status.Phase), cmp.Or(string(status.SubReason), none)).Inc()
	if status.Phase == v1alpha1.AIAnalysisCompleted && status.SelectedWorkflow != nil {
		m.approvals.WithLabelValues(strconv.FormatBool(status.ApprovalRequired)).Inc()
	}
}
