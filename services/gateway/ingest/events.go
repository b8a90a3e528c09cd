package ingest

import (
	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// snapshot is what datastorage rebuilds a RemediationRequest from.
type snapshot struct {
	APIVersion string                          `json:"apiVersion"`
	Kind       string                          `json:"kind"`
	Metadata   metadata                        `json:"metadata"`
	Spec       v1alpha1.RemediationRequestSpec `json:"spec"`
}

type metadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// events returns the audit trail of one signal. Its correlation id is the RemediationRequest's name, so that nothing can
// be recorded before that is known.
func events(result remediation.Result, failure error) []audit.Event {
	request := result.Request
	received := event(request, names.EventSignalReceived, "received", names.OutcomeSuccess, request.Spec)
	switch {
	case failure != nil:
		failed := event(request, names.EventCRDFailed, "create", names.OutcomeFailure, map[string]string{"error": failure.Error()})
		return []audit.Event{received, failed}
	case result.Duplicate:
		data := map[string]any{"signalFingerprint": request.Spec.SignalFingerprint, "occurrenceCount": result.Occurrences}
		return []audit.Event{received, event(request, names.EventSignalDeduplicated, "deduplicate", names.OutcomeSuccess, data)}
	default:
		created := snapshot{
			APIVersion: names.APIGroup + "/" + names.APIVersion,
			Kind:       v1alpha1.RemediationRequestKind,
			Metadata:   metadata{Name: request.Name, Namespace: request.Namespace},
			Spec:       request.Spec,
		}
		data := map[string]any{"remediation_request": created}
		return []audit.Event{received, event(request, names.EventCRDCreated, "create", names.OutcomeSuccess, data)}
	}
}

func event(request *v1alpha1.RemediationRequest, kind names.EventType, action string, outcome names.EventOutcome, data any) audit.Event {
	e := audit.NewEvent(kind, names.CategoryGateway, action, outcome, request.Name, data)
	e.ActorType, e.ActorID = "service", names.Gateway
	e.ResourceType, e.ResourceID = v1alpha1.RemediationRequestKind, request.Name
	e.Namespace = request.Namespace
	e.Severity = remediation.LabelValue(request.Spec.Severity)
	return e
}
