package admission

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// approval lets a RemediationApprovalRequest be decided once, by a human, or let expire by the orchestrator.
func (b base) approval(_ context.Context, request admission.Request) admission.Response {
	var before, after v1alpha1.RemediationApprovalRequest
	if err := b.decode(request, &before, &after); err != nil {
		return refused(err)
	}
	was, is := before.Status, after.Status
	switch {
	case is.Decision == was.Decision:
		return b.undecided(request, was, is)
	case was.Decision != v1alpha1.Undecided:
		return admission.Denied(fmt.Sprintf("%s is decided: %s by %s; a decision cannot be changed", after.Name, was.Decision, was.DecidedBy))
	case is.Decision != v1alpha1.Approved && is.Decision != v1alpha1.Rejected && is.Decision != v1alpha1.Expired:
		return admission.Denied(fmt.Sprintf("decision %q must be Approved, Rejected or Expired", is.Decision))
	case is.Decision == v1alpha1.Expired && request.UserInfo.Username != b.Orchestrator:
		return admission.Denied(fmt.Sprintf("only %s may write the decision Expired; use Approved or Rejected", b.Orchestrator))
	}
	user := request.UserInfo.Username
	if is.DecidedBy != "" && is.DecidedBy != user {
		b.forgery(request, "decidedBy", is.DecidedBy)
	}
	b.record(request, decision{
		kind: names.EventWebhookApprovalDecided, object: &after, correlationID: after.Spec.RemediationRequestRef.Name,
		action: "decide", key: string(is.Decision),
		data: map[string]any{"decision": is.Decision, "message": is.DecisionMessage, "workflow_id": after.Spec.RecommendedWorkflow.WorkflowID},
	})
	return admission.Patched("", set("decidedBy", user), set("decidedAt", b.now()))
}

// undecided keeps the attribution as it is stored, whatever the request says.
func (b base) undecided(request admission.Request, was, is v1alpha1.RemediationApprovalRequestStatus) admission.Response {
	patches := keep("", "decidedBy", "decidedAt", was.DecidedBy, is.DecidedBy, was.DecidedAt, is.DecidedAt)
	b.logRestored(request, "decidedBy", is.DecidedBy, patches)
	return allowed(patches)
}

func (b base) logRestored(request admission.Request, field, claimed string, patches []operation) {
	if len(patches) > 0 {
		b.forgery(request, field, claimed)
	}
}
