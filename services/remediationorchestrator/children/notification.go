package children

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// ApprovalNotification tells humans that a workflow waits for their word, and how to give it.
func ApprovalNotification(request *v1alpha1.RemediationRequest, analysis *v1alpha1.AIAnalysis, approval *v1alpha1.RemediationApprovalRequest) *v1alpha1.NotificationRequest {
	workflow := approval.Spec.RecommendedWorkflow
	n := notification(request, names.ApprovalNotificationName(request.Name), v1alpha1.ApprovalNeeded, "Approval needed")
	n.Spec.Priority = urgency(analysis.Spec.AnalysisRequest.SignalContext.BusinessPriority)
	n.Spec.Body = lines(about(request),
		"Root cause: "+approval.Spec.InvestigationSummary,
		fmt.Sprintf("Proposed: workflow %s %s, confidence %.2f", workflow.WorkflowID, workflow.Version, approval.Spec.Confidence),
		"Reason to ask: "+approval.Spec.Reason,
		"Decide by: "+approval.Spec.RequiredBy.UTC().Format(time.RFC3339),
		fmt.Sprintf(`Approve: kubectl patch remediationapprovalrequest %s -n %s --subresource=status --type=merge -p '{"status":{"decision":"Approved"}}'`,
			approval.Name, approval.Namespace),
	)
	n.Spec.Metadata["approvalRequest"] = approval.Name
	n.Spec.Metadata["workflowId"] = workflow.WorkflowID
	return n
}

// ManualReview asks humans to look at a target that the platform does not know how to help, or has left half changed.
func ManualReview(request *v1alpha1.RemediationRequest, phase v1alpha1.Phase, reason, text string) *v1alpha1.NotificationRequest {
	n := notification(request, names.ManualReviewNotificationName(request.Name), v1alpha1.ManualReviewNeeded, "Manual review needed")
	n.Spec.Priority = v1alpha1.PriorityHigh
	n.Spec.Body = lines(about(request), fmt.Sprintf("Ended in phase %s: %s", phase, reason), clip(text, maxMessage))
	n.Spec.Metadata["failurePhase"], n.Spec.Metadata["failureReason"] = string(phase), reason
	return n
}

// Completion tells humans that a workflow has remediated the signal.
func Completion(request *v1alpha1.RemediationRequest, execution *v1alpha1.WorkflowExecution) *v1alpha1.NotificationRequest {
	n := notification(request, names.CompletionNotificationName(request.Name), v1alpha1.StatusUpdate, "Remediated")
	n.Spec.Priority = v1alpha1.PriorityLow
	workflow := execution.Spec.WorkflowRef
	done := fmt.Sprintf("Workflow %s %s has completed", workflow.WorkflowID, workflow.Version)
	if took := execution.Status.Duration; took != "" {
		done += " in " + took
	}
	n.Spec.Body = lines(about(request), done+".", occurrences(request))
	n.Spec.Metadata["workflowId"], n.Spec.Metadata["outcome"] = workflow.WorkflowID, string(v1alpha1.Remediated)
	return n
}

func notification(request *v1alpha1.RemediationRequest, name string, kind v1alpha1.NotificationType, what string) *v1alpha1.NotificationRequest {
	owner := Request(request)
	return &v1alpha1.NotificationRequest{
		ObjectMeta: meta(request, name),
		Spec: v1alpha1.NotificationRequestSpec{
			Type:                  kind,
			Subject:               clip(fmt.Sprintf("%s: %s on %s", what, request.Spec.SignalName, Target(request.Spec.TargetResource)), maxSubject),
			Metadata:              map[string]string{"remediationRequest": request.Name, "severity": request.Spec.Severity},
			RemediationRequestRef: &owner,
		},
	}
}

func about(request *v1alpha1.RemediationRequest) string {
	return fmt.Sprintf("Signal: %s (%s)\nTarget: %s\nRequest: %s", request.Spec.SignalName, request.Spec.Severity, Target(request.Spec.TargetResource), request.Name)
}

func occurrences(request *v1alpha1.RemediationRequest) string {
	seen := request.Status.Deduplication
	if seen == nil || seen.OccurrenceCount < 2 {
		return ""
	}
	return fmt.Sprintf("The signal was received %d times meanwhile.", seen.OccurrenceCount)
}

// urgency maps business priorities to those of messages.
func urgency(priority string) v1alpha1.NotificationPriority {
	switch priority {
	case "P0":
		return v1alpha1.PriorityCritical
	case "P1":
		return v1alpha1.PriorityHigh
	case "P2":
		return v1alpha1.PriorityMedium
	default:
		return v1alpha1.PriorityLow
	}
}

// lines joins what is not empty.
func lines(parts ...string) string {
	var given []string
	for _, part := range parts {
		if part != "" {
			given = append(given, part)
		}
	}
	return strings.Join(given, "\n")
}
