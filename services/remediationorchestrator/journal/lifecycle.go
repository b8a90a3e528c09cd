package journal

import (
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// target is what every lifecycle event repeats, so that it can be read without the request.
type target struct {
	SignalFingerprint string                  `json:"signalFingerprint"`
	SignalName        string                  `json:"signalName"`
	TargetResource    v1alpha1.TargetResource `json:"targetResource"`
}

type transition struct {
	From    v1alpha1.Phase `json:"from"`
	To      v1alpha1.Phase `json:"to"`
	Message string         `json:"message,omitempty"`
}

type end struct {
	target
	Phase                v1alpha1.Phase            `json:"phase"`
	Outcome              v1alpha1.Outcome          `json:"outcome,omitempty"`
	FailurePhase         v1alpha1.Phase            `json:"failurePhase,omitempty"`
	FailureReason        string                    `json:"failureReason,omitempty"`
	TimeoutPhase         v1alpha1.Phase            `json:"timeoutPhase,omitempty"`
	RequiresManualReview bool                      `json:"requiresManualReview"`
	Message              string                    `json:"message,omitempty"`
	WorkflowExecutionRef *v1alpha1.ObjectReference `json:"workflowExecutionRef,omitempty"`
}

// lifecycle returns the entries of a change of phase: created for the first, else transitioned, with started before the
// first work and completed or failed after the last.
func lifecycle(before, after *v1alpha1.RemediationRequest) []audit.Event {
	from, to := before.Status.OverallPhase, after.Status.OverallPhase
	if from == to {
		return nil
	}
	if from == "" {
		return []audit.Event{once(names.EventLifecycleCreated, "create", names.OutcomeSuccess, after, about(after))}
	}
	var entries []audit.Event
	if to == v1alpha1.Processing {
		entries = append(entries, once(names.EventLifecycleStarted, "start", names.OutcomeSuccess, after, about(after)))
	}
	step := event(names.EventLifecycleTransitioned, names.CategoryOrchestration, "transition", outcome(to), after,
		transition{From: from, To: to, Message: after.Status.Message})
	// A request may be blocked and go on more than once: the version that the transition began from tells them apart.
	step.ID = identity(after, string(step.Type), string(from), string(to), before.ResourceVersion)
	entries = append(entries, step)
	switch to {
	case v1alpha1.Completed:
		entries = append(entries, ended(names.EventLifecycleCompleted, "complete", after))
	case v1alpha1.Failed, v1alpha1.TimedOut:
		entries = append(entries, ended(names.EventLifecycleFailed, "fail", after))
	}
	return entries
}

func ended(kind names.EventType, action string, after *v1alpha1.RemediationRequest) audit.Event {
	status := after.Status
	e := once(kind, action, outcome(status.OverallPhase), after, end{
		target: about(after), Phase: status.OverallPhase, Outcome: status.Outcome,
		FailurePhase: status.FailurePhase, FailureReason: status.FailureReason, TimeoutPhase: status.TimeoutPhase,
		RequiresManualReview: status.RequiresManualReview, Message: status.Message, WorkflowExecutionRef: status.WorkflowExecutionRef,
	})
	milliseconds := took(after).Milliseconds()
	e.DurationMS = &milliseconds
	return e
}

// once makes an event that a request has at most one of.
func once(kind names.EventType, action string, outcome names.EventOutcome, request *v1alpha1.RemediationRequest, data any) audit.Event {
	e := event(kind, names.CategoryOrchestration, action, outcome, request, data)
	e.ID = identity(request, string(kind))
	return e
}

func about(request *v1alpha1.RemediationRequest) target {
	return target{
		SignalFingerprint: request.Spec.SignalFingerprint, SignalName: request.Spec.SignalName, TargetResource: request.Spec.TargetResource,
	}
}

func outcome(phase v1alpha1.Phase) names.EventOutcome {
	switch phase {
	case v1alpha1.Failed, v1alpha1.TimedOut:
		return names.OutcomeFailure
	case v1alpha1.Blocked, v1alpha1.AwaitingApproval:
		return names.OutcomePending
	default:
		return names.OutcomeSuccess
	}
}

// took is from the request's creation, the wait for a block's end included, to its end.
func took(request *v1alpha1.RemediationRequest) time.Duration {
	if request.Status.CompletedAt == nil {
		return 0
	}
	return max(0, request.Status.CompletedAt.Sub(request.CreationTimestamp.Time))
}
