package names

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxObjectName is the longest name of a custom resource
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names).
const maxObjectName = 253

// The objects that belong to a RemediationRequest, by the request's name.

// SignalProcessingName returns the name of a request's SignalProcessing.
func SignalProcessingName(request string) string { return child("sp-", request) }

// AIAnalysisName returns the name of a request's AIAnalysis.
func AIAnalysisName(request string) string { return child("ai-", request) }

// WorkflowExecutionName returns the name of a request's WorkflowExecution.
func WorkflowExecutionName(request string) string { return child("we-", request) }

// ApprovalRequestName returns the name of a request's RemediationApprovalRequest.
func ApprovalRequestName(request string) string { return child("rar-", request) }

// ApprovalNotificationName returns the name of the NotificationRequest that asks for an approval.
func ApprovalNotificationName(request string) string { return child("nr-approval-", request) }

// ManualReviewNotificationName returns the name of the NotificationRequest that asks a human to look.
func ManualReviewNotificationName(request string) string { return child("nr-manual-review-", request) }

// CompletionNotificationName returns the name of the NotificationRequest that tells of a remediation's end.
func CompletionNotificationName(request string) string { return child("nr-completion-", request) }

// child cuts a name that is too long and puts a hash in place of the rest, so that two requests never share a child.
func child(prefix, request string) string {
	name := prefix + request
	if len(name) <= maxObjectName {
		return name
	}
	sum := sha256.Sum256([]byte(request))
	suffix := "-" + hex.EncodeToString(sum[:8])
	return strings.TrimRight(name[:maxObjectName-len(suffix)], "-.") + suffix
}
