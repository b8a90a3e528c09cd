package reconcile

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Limits are the time limits of all requests. A request's timeoutConfig overrides the first four.
type Limits struct {
	Global, Processing, Analyzing, Executing time.Duration
	// Approval is how long a human may take.
	Approval time.Duration
	// Recheck is how often a request looks again that waits for another object's change. Changes wake it at once; this
	// is for one that was missed.
	Recheck time.Duration
}

// of returns the limits with a request's own in their place. One that is not positive is no limit of its own.
func (l Limits) of(request *v1alpha1.RemediationRequest) Limits {
	own := request.Status.TimeoutConfig
	if own == nil {
		return l
	}
	for _, limit := range []struct {
		target *time.Duration
		own    *metav1.Duration
	}{{&l.Global, own.Global}, {&l.Processing, own.Processing}, {&l.Analyzing, own.Analyzing}, {&l.Executing, own.Executing}} {
		if limit.own != nil && limit.own.Duration > 0 {
			*limit.target = limit.own.Duration
		}
	}
	return l
}

// deadline returns when a request's present phase times out; zero means never.
func (l Limits) deadline(request *v1alpha1.RemediationRequest) time.Time {
	l = l.of(request)
	status := request.Status
	global := after(status.StartTime, l.Global)
	switch status.OverallPhase {
	case v1alpha1.Processing:
		return earliest(global, after(status.ProcessingStartTime, l.Processing))
	case v1alpha1.Analyzing:
		return earliest(global, after(status.AnalyzingStartTime, l.Analyzing))
	case v1alpha1.Executing:
		return earliest(global, after(status.ExecutingStartTime, l.Executing))
	case v1alpha1.Blocked:
		return global
	default:
		return time.Time{} // AwaitingApproval has the approval's own end
	}
}

// overall returns when a request's whole time is over; zero means that it has not started.
func (l Limits) overall(request *v1alpha1.RemediationRequest) time.Time {
	return after(request.Status.StartTime, l.of(request).Global)
}

func after(start *metav1.Time, limit time.Duration) time.Time {
	if start == nil {
		return time.Time{}
	}
	return start.Add(limit)
}
