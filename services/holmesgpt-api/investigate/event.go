package investigate

import (
	"time"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// outcome is the payload of the audit event. It has no texts of the model or of the signal.
type outcome struct {
	IncidentID        string                      `json:"incident_id"`
	Route             string                      `json:"route"`
	WorkflowID        string                      `json:"workflow_id,omitempty"`
	Confidence        float64                     `json:"confidence"`
	NeedsHumanReview  bool                        `json:"needs_human_review"`
	HumanReviewReason holmesgpt.HumanReviewReason `json:"human_review_reason,omitempty"`
	Attempts          int                         `json:"attempts"`
	ModelCalls        int                         `json:"model_calls"`
	ToolCalls         int                         `json:"tool_calls"`
	Error             string                      `json:"error,omitempty"`
}

// completed tells how an investigation ended. Its outcome is failure only when the investigation broke off: to find that a
// human has to choose is a result.
func completed(route string, request holmesgpt.IncidentRequest, d *dialogue, response holmesgpt.Response, failure error, elapsed time.Duration) audit.Event {
	data := outcome{
		IncidentID: request.IncidentID, Route: route, Confidence: response.Confidence, NeedsHumanReview: response.NeedsHumanReview,
		HumanReviewReason: response.HumanReviewReason, Attempts: len(response.ValidationAttemptsHistory),
		ModelCalls: d.asked, ToolCalls: d.searched,
	}
	if response.SelectedWorkflow != nil {
		data.WorkflowID = response.SelectedWorkflow.WorkflowID
	}
	result := names.OutcomeSuccess
	if failure != nil {
		result, data.Error = names.OutcomeFailure, failure.Error()
	}
	event := audit.NewEvent(names.EventHolmesGPTResponseComplete, names.CategoryAIAgent, "analyze", result, request.RemediationID, data)
	event.ActorType, event.ActorID = "service", names.HolmesGPTAPI
	event.Severity = string(request.Severity)
	event.ResourceType, event.ResourceID = request.ResourceKind, request.ResourceName
	event.Namespace, event.ClusterName = request.ResourceNamespace, request.ClusterName
	milliseconds := elapsed.Milliseconds()
	event.DurationMS = &milliseconds
	return event
}
