package children

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// approvalPolicy is the Rego package that asks for approvals.
const approvalPolicy = "aianalysis.approval"

// Bounds of the confidence levels, as the schema describes them.
const (
	mediumFrom = 0.6
	highFrom   = 0.8
)

// ApprovalRequest asks a human whether the workflow that an analysis selected, which must not be nil, may run.
func ApprovalRequest(request *v1alpha1.RemediationRequest, analysis *v1alpha1.AIAnalysis, requiredBy time.Time) *v1alpha1.RemediationApprovalRequest {
	status, workflow := analysis.Status, analysis.Status.SelectedWorkflow
	given := v1alpha1.ApprovalContext{}
	if status.ApprovalContext != nil {
		given = *status.ApprovalContext
	}
	reason := clip(cmp.Or(status.ApprovalReason, given.Reason, "the approval policy asks for it"), maxReason)
	spec := v1alpha1.RemediationApprovalRequestSpec{
		RemediationRequestRef: Request(request),
		AIAnalysisRef:         Reference(v1alpha1.AIAnalysisKind, analysis),
		Confidence:            workflow.Confidence,
		ConfidenceLevel:       level(workflow.Confidence),
		Reason:                reason,
		RecommendedWorkflow: v1alpha1.RecommendedWorkflow{
			WorkflowID: workflow.WorkflowID, Version: workflow.Version, ContainerImage: workflow.ContainerImage, Rationale: workflow.Rationale,
		},
		InvestigationSummary: clip(cmp.Or(given.InvestigationSummary, status.RootCause), maxMessage),
		RecommendedActions: []v1alpha1.RecommendedAction{{
			Action:    fmt.Sprintf("run workflow %s on %s", workflow.WorkflowID, Target(request.Spec.TargetResource)),
			Rationale: workflow.Rationale,
		}},
		AlternativesConsidered: status.AlternativeWorkflows,
		WhyApprovalRequired:    clip(cmp.Or(given.WhyApprovalRequired, reason), maxReason),
		PolicyEvaluation: &v1alpha1.PolicyEvaluation{
			PolicyName: approvalPolicy, PolicyHash: given.PolicyHash, Decision: "require_approval",
		},
		RequiredBy: metav1.NewTime(requiredBy),
	}
	if cause := status.RootCauseAnalysis; cause != nil {
		spec.EvidenceCollected = cause.ContributingFactors
	}
	return &v1alpha1.RemediationApprovalRequest{ObjectMeta: meta(request, names.ApprovalRequestName(request.Name)), Spec: spec}
}

func level(confidence float64) v1alpha1.ConfidenceLevel {
	switch {
	case confidence < mediumFrom:
		return v1alpha1.LowConfidence
	case confidence < highFrom:
		return v1alpha1.MediumConfidence
	default:
		return v1alpha1.HighConfidence
	}
}
