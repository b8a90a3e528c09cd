package api

import "github.com/kubernaut/kubernaut/services/internal/names"

// The names of the objects that belong to a RemediationRequest, by the request's name.

// SignalProcessingName is that of the request's SignalProcessing.
func SignalProcessingName(request string) string { return names.SignalProcessingName(request) }

// AIAnalysisName is that of the request's AIAnalysis.
func AIAnalysisName(request string) string { return names.AIAnalysisName(request) }

// WorkflowExecutionName is that of the request's WorkflowExecution.
func WorkflowExecutionName(request string) string { return names.WorkflowExecutionName(request) }

// ApprovalRequestName is that of the request's RemediationApprovalRequest.
func ApprovalRequestName(request string) string { return names.ApprovalRequestName(request) }

// ApprovalNotificationName is that of the message that asks for an approval.
func ApprovalNotificationName(request string) string { return names.ApprovalNotificationName(request) }

// ManualReviewNotificationName is that of the message that asks a human to look.
func ManualReviewNotificationName(request string) string {
	return names.ManualReviewNotificationName(request)
}

// CompletionNotificationName is that of the message that tells of the remediation's end.
func CompletionNotificationName(request string) string {
	return names.CompletionNotificationName(request)
}
