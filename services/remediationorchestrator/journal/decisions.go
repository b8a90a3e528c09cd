package journal

import (
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

type block struct {
	Reason       string     `json:"reason"`
	Message      string     `json:"message"`
	BlockedUntil *time.Time `json:"blockedUntil,omitempty"`
	DuplicateOf  string     `json:"duplicateOf,omitempty"`
	Failures     int32      `json:"consecutiveFailures"`
}

// blocked returns the entry of a routing decision: a block, or another reason for one. The same reason with another end is
// no new decision.
func blocked(before, after *v1alpha1.RemediationRequest) *audit.Event {
	status := after.Status
	if status.OverallPhase != v1alpha1.Blocked || status.BlockReason == before.Status.BlockReason {
		return nil
	}
	data := block{Reason: status.BlockReason, Message: status.BlockMessage, DuplicateOf: status.DuplicateOf, Failures: status.ConsecutiveFailureCount}
	if status.BlockedUntil != nil {
		data.BlockedUntil = &status.BlockedUntil.Time
	}
	e := event(names.EventRoutingBlocked, names.CategoryOrchestration, "block", names.OutcomePending, after, data)
	e.ID = identity(after, string(e.Type), status.BlockReason, before.ResourceVersion)
	return &e
}

type decided struct {
	ApprovalRequest string            `json:"approvalRequest"`
	Decision        v1alpha1.Decision `json:"decision,omitempty"`
	DecidedBy       string            `json:"decidedBy,omitempty"`
	Message         string            `json:"message,omitempty"`
	Reason          string            `json:"reason"`
	WorkflowID      string            `json:"workflowId"`
	Confidence      float64           `json:"confidence"`
	RequiredBy      time.Time         `json:"requiredBy"`
}

// decision returns the entry of an approval request: asked, approved, or not approved, which an expired one is, too. The
// entries hold what the object says, because they outlive it.
func decision(request *v1alpha1.RemediationRequest, approval *v1alpha1.RemediationApprovalRequest) audit.Event {
	kind, action, outcome := names.EventApprovalRequested, "request", names.OutcomePending
	switch approval.Status.Decision {
	case v1alpha1.Approved:
		kind, action, outcome = names.EventApprovalApproved, "approve", names.OutcomeSuccess
	case v1alpha1.Rejected:
		kind, action, outcome = names.EventApprovalRejected, "reject", names.OutcomeFailure
	case v1alpha1.Expired:
		kind, action, outcome = names.EventApprovalRejected, "expire", names.OutcomeFailure
	}
	e := event(kind, names.CategoryApproval, action, outcome, request, decided{
		ApprovalRequest: approval.Name, Decision: approval.Status.Decision, DecidedBy: approval.Status.DecidedBy,
		Message: approval.Status.DecisionMessage, Reason: approval.Spec.Reason, WorkflowID: approval.Spec.RecommendedWorkflow.WorkflowID,
		Confidence: approval.Spec.Confidence, RequiredBy: approval.Spec.RequiredBy.Time,
	})
	e.ResourceType, e.ResourceID = v1alpha1.RemediationApprovalRequestKind, approval.Name
	e.ID = identity(approval, string(kind))
	return e
}
