package reconcile

import (
	"strconv"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// event returns an event about an object. occasion tells it apart from others of its type about the same object.
func event(object *v1alpha1.SignalProcessing, kind names.EventType, action string, outcome names.EventOutcome, occasion string, data map[string]any) audit.Event {
	e := audit.NewEvent(kind, names.CategorySignalProcessing, action, outcome, object.Spec.RemediationRequestRef.Name, data)
	e.ActorType, e.ActorID = "service", names.SignalProcessing
	e.ResourceType, e.ResourceID = v1alpha1.SignalProcessingKind, object.Name
	e.Namespace = object.Namespace
	e.Severity = object.Status.Severity
	return e.Once(string(object.UID), occasion)
}

func transition(object *v1alpha1.SignalProcessing, from v1alpha1.SignalProcessingPhase) audit.Event {
	outcome, to := names.OutcomeSuccess, object.Status.Phase
	if to == v1alpha1.SignalProcessingFailed {
		outcome = names.OutcomeFailure
	}
	return event(object, names.EventSignalProcessingPhase, "transition", outcome, string(from+"-"+to), map[string]any{"from": from, "to": to})
}

// enriched tells what was found; why is nil when nothing is missing.
func enriched(object *v1alpha1.SignalProcessing, why error) audit.Event {
	found := object.Status.KubernetesContext
	data := map[string]any{
		"targetResource": object.Spec.Signal.TargetResource,
		"degradedMode":   found.DegradedMode,
		"ownerChain":     found.OwnerChain,
		"detectedLabels": found.DetectedLabels,
		"customLabels":   found.CustomLabels,
	}
	if why != nil {
		data["reason"] = why.Error()
	}
	return event(object, names.EventEnrichmentCompleted, "enrich", names.OutcomeSuccess, "", data)
}

func classified(object *v1alpha1.SignalProcessing) audit.Event {
	status := object.Status
	return event(object, names.EventClassificationDecision, "classify", names.OutcomeSuccess, "", map[string]any{
		"environment":       status.EnvironmentClassification.Environment,
		"environmentSource": status.EnvironmentClassification.Source,
		"priority":          status.PriorityAssignment.Priority,
		"prioritySource":    status.PriorityAssignment.Source,
		"policyName":        status.PriorityAssignment.PolicyName,
		"severity":          status.Severity,
		"signalSeverity":    object.Spec.Signal.Severity,
		"policyHash":        status.PolicyHash,
	})
}

func categorized(object *v1alpha1.SignalProcessing, hash string) audit.Event {
	return event(object, names.EventBusinessClassified, "categorize", names.OutcomeSuccess, "", map[string]any{
		"businessClassification": object.Status.BusinessClassification, "policyHash": hash,
	})
}

func processed(object *v1alpha1.SignalProcessing) audit.Event {
	e := event(object, names.EventSignalProcessed, "process", names.OutcomeSuccess, "", map[string]any{
		"phase": object.Status.Phase, "fingerprint": object.Spec.Signal.Fingerprint,
		"environment": object.Status.EnvironmentClassification.Environment, "priority": object.Status.PriorityAssignment.Priority,
	})
	if start, end := object.Status.StartTime, object.Status.CompletionTime; start != nil && end != nil {
		took := end.Sub(start.Time).Milliseconds()
		e.DurationMS = &took
	}
	return e
}

// failure tells of a phase that failed, for the n-th time in a row.
func failure(object *v1alpha1.SignalProcessing, phase v1alpha1.SignalProcessingPhase, cause error) audit.Event {
	failures := object.Status.ConsecutiveFailures
	return event(object, names.EventSignalProcessingError, "process", names.OutcomeFailure, string(phase)+strconv.Itoa(int(failures)), map[string]any{
		"phase": phase, "error": cause.Error(), "consecutiveFailures": failures,
	})
}
