package reconcile

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubernaut/kubernaut/services/aianalysis/approval"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// event returns an event about an object. occasion tells it apart from others of its type about the same object.
func event(object *v1alpha1.AIAnalysis, kind names.EventType, action string, outcome names.EventOutcome, occasion string, data map[string]any) audit.Event {
	e := audit.NewEvent(kind, names.CategoryAnalysis, action, outcome, object.Spec.RemediationRequestRef.Name, data)
	e.ActorType, e.ActorID = "service", names.AIAnalysis
	e.ResourceType, e.ResourceID = v1alpha1.AIAnalysisKind, object.Name
	e.Namespace = object.Namespace
	e.Severity = object.Spec.AnalysisRequest.SignalContext.Severity
	return e.Once(string(object.UID), occasion)
}

// lasting adds a duration to an event.
func lasting(e audit.Event, took time.Duration) audit.Event {
	milliseconds := took.Milliseconds()
	e.DurationMS = &milliseconds
	return e
}

func transition(object *v1alpha1.AIAnalysis, from v1alpha1.AIAnalysisPhase) audit.Event {
	to := object.Status.Phase
	return event(object, names.EventAnalysisPhase, "transition", outcome(to), string(from+"-"+to), map[string]any{"from": from, "to": to})
}

func outcome(phase v1alpha1.AIAnalysisPhase) names.EventOutcome {
	if phase == v1alpha1.AIAnalysisFailed {
		return names.OutcomeFailure
	}
	return names.OutcomeSuccess
}

// tell makes the Kubernetes event of a transition.
func (r *Reconciler) tell(object *v1alpha1.AIAnalysis, from v1alpha1.AIAnalysisPhase) {
	kind, note := corev1.EventTypeNormal, fmt.Sprintf("%s after %s", object.Status.Phase, from)
	if object.Status.Phase == v1alpha1.AIAnalysisFailed {
		kind = corev1.EventTypeWarning
	}
	if object.Status.Message != "" {
		note += ": " + object.Status.Message
	}
	// The API server takes 1024 bytes of a note.
	r.Events.Eventf(object, nil, kind, string(object.Status.Phase), "Transition", "%.1000s", note)
}

// try numbers the tries of a phase, over restarts, too.
func try(object *v1alpha1.AIAnalysis) string {
	return "try-" + strconv.Itoa(int(object.Status.ConsecutiveFailures)+1)
}

// tried tells of a failed try. object is as it was before.
func tried(object *v1alpha1.AIAnalysis, cause error) audit.Event {
	if object.Status.Phase == v1alpha1.AIAnalysisAnalyzing {
		return evaluated(object, approval.Decision{}, cause, lasted(cause))
	}
	return called(object, holmesgpt.Response{}, cause, lasted(cause))
}

// called tells of one call of holmesgpt-api; object is as it was before.
func called(object *v1alpha1.AIAnalysis, response holmesgpt.Response, failure error, took time.Duration) audit.Event {
	data := map[string]any{"attempt": object.Status.ConsecutiveFailures + 1, "isRecoveryAttempt": object.Spec.IsRecoveryAttempt}
	result := names.OutcomeSuccess
	if failure != nil {
		result, data["error"] = names.OutcomeFailure, shorten(failure.Error())
	} else {
		data["confidence"], data["needsHumanReview"] = response.Confidence, response.NeedsHumanReview
		data["humanReviewReason"], data["targetInOwnerChain"] = response.HumanReviewReason, response.TargetInOwnerChain
		data["validationAttempts"] = len(response.ValidationAttemptsHistory)
		if response.SelectedWorkflow != nil {
			data["workflowId"] = response.SelectedWorkflow.WorkflowID
		}
	}
	return lasting(event(object, names.EventHolmesGPTCall, "investigate", result, try(object), data), took)
}

// evaluated tells of one evaluation of the policy; object is as it was before.
func evaluated(object *v1alpha1.AIAnalysis, decision approval.Decision, failure error, took time.Duration) audit.Event {
	data := map[string]any{
		"policy": approval.Package, "attempt": object.Status.ConsecutiveFailures + 1,
		"environment": object.Spec.AnalysisRequest.SignalContext.Environment,
	}
	result := names.OutcomeSuccess
	if failure != nil {
		result, data["error"] = names.OutcomeFailure, shorten(failure.Error())
	} else {
		data["requireApproval"], data["reason"], data["policyHash"] = decision.Required, decision.Reason, decision.PolicyHash
	}
	return lasting(event(object, names.EventRegoEvaluation, "evaluate", result, try(object), data), took)
}

// decided tells whether the workflow may run; pending means that a human says it.
func decided(object *v1alpha1.AIAnalysis, decision approval.Decision) audit.Event {
	result, word := names.OutcomeSuccess, "auto_approved"
	if decision.Required {
		result, word = names.OutcomePending, "requires_approval"
	}
	return event(object, names.EventApprovalDecision, "decide", result, "", map[string]any{
		"decision": word, "approvalRequired": decision.Required, "reason": decision.Reason, "policyHash": decision.PolicyHash,
		"workflowId": object.Status.SelectedWorkflow.WorkflowID, "confidence": object.Status.SelectedWorkflow.Confidence,
		"environment": object.Spec.AnalysisRequest.SignalContext.Environment,
	})
}

// ended tells of a finished analysis; nothing while it goes on.
func ended(object *v1alpha1.AIAnalysis) []audit.Event {
	status := object.Status
	if !status.Phase.Terminal() {
		return nil
	}
	data := map[string]any{
		"phase": status.Phase, "reason": status.Reason, "subReason": status.SubReason, "message": status.Message,
		"needsHumanReview": status.NeedsHumanReview, "humanReviewReason": status.HumanReviewReason, "approvalRequired": status.ApprovalRequired,
	}
	if status.SelectedWorkflow != nil {
		data["workflowId"], data["confidence"] = status.SelectedWorkflow.WorkflowID, status.SelectedWorkflow.Confidence
	}
	kind := names.EventAnalysisCompleted
	if status.Phase == v1alpha1.AIAnalysisFailed {
		kind = names.EventAnalysisFailed
	}
	e := event(object, kind, "analyze", outcome(status.Phase), "", data)
	if status.StartedAt != nil {
		e = lasting(e, status.CompletedAt.Sub(status.StartedAt.Time))
	}
	return []audit.Event{e}
}

// failure tells of an error, as opposed to a judgement, that ended the analysis in a phase.
func failure(object *v1alpha1.AIAnalysis, phase v1alpha1.AIAnalysisPhase) audit.Event {
	return event(object, names.EventAnalysisError, "analyze", names.OutcomeFailure, string(phase), map[string]any{
		"phase": phase, "error": object.Status.Message, "subReason": object.Status.SubReason, "consecutiveFailures": object.Status.ConsecutiveFailures,
	})
}
