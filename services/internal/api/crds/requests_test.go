package crds

import (
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

func remediationRequest() specimen {
	return specimen{
		valid: &v1alpha1.RemediationRequest{Spec: v1alpha1.RemediationRequestSpec{
			SignalFingerprint: fingerprint,
			SignalName:        "HighMemory",
			Severity:          "critical",
			SignalType:        v1alpha1.PrometheusAlert,
			TargetType:        v1alpha1.KubernetesTarget,
			TargetResource:    target(),
			FiringTime:        moment(),
			ReceivedTime:      moment(),
		}},
		other: edit{"spec.severity", "warning"},
		accepted: []edit{
			{"spec.targetResource.namespace", nil},
			{"spec.signalName", strings.Repeat("x", 253)},
			{"status.overallPhase", "Blocked"},
		},
		rejected: []rejection{
			reject("spec", nil, "spec: Required value"),
			reject("spec.signalFingerprint", nil, "spec.signalFingerprint: Required value"),
			reject("spec.signalFingerprint", strings.ToUpper(fingerprint), "spec.signalFingerprint: Invalid value: should match '^[0-9a-f]{64}$'"),
			reject("spec.signalFingerprint", fingerprint[1:], "spec.signalFingerprint: Invalid value: should match '^[0-9a-f]{64}$'"),
			reject("spec.signalName", "", "spec.signalName: Invalid value: should be at least 1 chars long"),
			reject("spec.signalName", strings.Repeat("x", 254), "spec.signalName: Too long: may not be more than 253 bytes"),
			reject("spec.severity", strings.Repeat("x", 51), "spec.severity: Too long: may not be more than 50 bytes"),
			reject("spec.signalType", "email", "spec.signalType: Unsupported value"),
			reject("spec.targetType", "aws", "spec.targetType: Unsupported value"),
			reject("spec.targetResource.kind", nil, "spec.targetResource.kind: Required value"),
			reject("spec.targetResource.name", "", "spec.targetResource.name: Invalid value: should be at least 1 chars long"),
			reject("spec.firingTime", "yesterday", `spec.firingTime: Invalid value: must be of type date-time: "yesterday"`),
			reject("spec.receivedTime", nil, "spec.receivedTime: Required value"),
			reject("spec.signalLabels", map[string]any{"key": int64(1)}, `spec.signalLabels.key: Invalid value: must be of type string: "integer"`),
			reject("spec.originalPayload", strings.Repeat("x", 262145), "spec.originalPayload: Too long: may not be more than 262144 bytes"),
			reject("status.overallPhase", "Sleeping", "status.overallPhase: Unsupported value"),
			reject("status.outcome", "Lucky", "status.outcome: Unsupported value"),
			reject("status.blockReason", "Tired", "status.blockReason: Unsupported value"),
			reject("status.consecutiveFailureCount", int64(-1), "status.consecutiveFailureCount: Invalid value: should be greater than or equal to 0"),
			reject("status.signalProcessingRef", map[string]any{"kind": "SignalProcessing"}, "status.signalProcessingRef.name: Required value"),
			reject("status.deduplication", map[string]any{
				"firstSeenAt": "2026-01-01T00:00:00Z", "lastSeenAt": "2026-01-01T00:00:00Z", "occurrenceCount": int64(0),
			}, "status.deduplication.occurrenceCount: Invalid value: should be greater than or equal to 1"),
		},
	}
}

func remediationApprovalRequest() specimen {
	return specimen{
		valid: &v1alpha1.RemediationApprovalRequest{Spec: v1alpha1.RemediationApprovalRequestSpec{
			RemediationRequestRef: reference(v1alpha1.RemediationRequestKind),
			AIAnalysisRef:         reference(v1alpha1.AIAnalysisKind),
			Confidence:            0.7,
			ConfidenceLevel:       v1alpha1.MediumConfidence,
			Reason:                "production",
			RecommendedWorkflow:   v1alpha1.RecommendedWorkflow{WorkflowID: "restart", Version: "1.0.0"},
			RequiredBy:            moment(),
		}},
		other: edit{"spec.confidence", 0.75},
		accepted: []edit{
			{"spec.confidence", int64(0)},
			{"spec.confidence", int64(1)},
			{"status.decision", ""},
			{"status.decision", "Approved"},
		},
		rejected: []rejection{
			reject("spec.remediationRequestRef", nil, "spec.remediationRequestRef: Required value"),
			reject("spec.aiAnalysisRef.name", "", "spec.aiAnalysisRef.name: Invalid value: should be at least 1 chars long"),
			reject("spec.confidence", nil, "spec.confidence: Required value"),
			reject("spec.confidence", "0.7", `spec.confidence: Invalid value: must be of type number: "string"`),
			reject("spec.confidence", 1.01, "spec.confidence: Invalid value: should be less than or equal to 1"),
			reject("spec.confidence", -0.01, "spec.confidence: Invalid value: should be greater than or equal to 0"),
			reject("spec.confidenceLevel", "certain", "spec.confidenceLevel: Unsupported value"),
			reject("spec.reason", "", "spec.reason: Invalid value: should be at least 1 chars long"),
			reject("spec.reason", strings.Repeat("x", 2049), "spec.reason: Too long: may not be more than 2048 bytes"),
			reject("spec.recommendedWorkflow.workflowId", "", "spec.recommendedWorkflow.workflowId: Invalid value: should be at least 1 chars long"),
			reject("spec.recommendedWorkflow.version", nil, "spec.recommendedWorkflow.version: Required value"),
			reject("spec.requiredBy", nil, "spec.requiredBy: Required value"),
			reject("spec.requiredBy", "soon", `spec.requiredBy: Invalid value: must be of type date-time: "soon"`),
			reject("spec.evidenceCollected", texts(101), "spec.evidenceCollected: Too many: must have at most 100 items"),
			reject("spec.recommendedActions", []any{map[string]any{"rationale": "none"}}, "spec.recommendedActions[0].action: Required value"),
			reject("spec.alternativesConsidered", []any{map[string]any{"workflowId": ""}}, "spec.alternativesConsidered[0].workflowId: Invalid value: should be at least 1 chars long"),
			reject("status.decision", "Maybe", "status.decision: Unsupported value"),
			reject("status.decisionMessage", strings.Repeat("x", 2049), "status.decisionMessage: Too long: may not be more than 2048 bytes"),
		},
	}
}

func notificationRequest() specimen {
	return specimen{
		valid: &v1alpha1.NotificationRequest{Spec: v1alpha1.NotificationRequestSpec{
			Type:        v1alpha1.SimpleMessage,
			Subject:     "subject",
			Body:        "body",
			RetryPolicy: &v1alpha1.RetryPolicy{},
		}},
		other: edit{"spec.subject", "another"},
		accepted: []edit{
			{"spec.channels", []any{"console", "file", "slack"}},
			{"spec.recipients", []any{map[string]any{"phone": "+491234567", "webhookURL": "https://example.com/hook"}}},
			{"spec.retentionDays", int64(365)},
			{"spec.retryPolicy.maxAttempts", int64(10)},
		},
		defaults: map[string]any{
			"spec.priority":                          "medium",
			"spec.retentionDays":                     int64(7),
			"spec.retryPolicy.maxAttempts":           int64(5),
			"spec.retryPolicy.initialBackoffSeconds": int64(30),
			"spec.retryPolicy.backoffMultiplier":     int64(2),
			"spec.retryPolicy.maxBackoffSeconds":     int64(480),
		},
		rejected: []rejection{
			reject("spec.type", nil, "spec.type: Required value"),
			reject("spec.type", "poem", "spec.type: Unsupported value"),
			reject("spec.priority", "urgent", "spec.priority: Unsupported value"),
			reject("spec.subject", "", "spec.subject: Invalid value: should be at least 1 chars long"),
			reject("spec.subject", strings.Repeat("x", 501), "spec.subject: Too long: may not be more than 500 bytes"),
			reject("spec.body", nil, "spec.body: Required value"),
			reject("spec.body", strings.Repeat("x", 65537), "spec.body: Too long: may not be more than 65536 bytes"),
			reject("spec.channels", []any{"pigeon"}, "spec.channels[0]: Unsupported value"),
			reject("spec.channels", []any{"console", "console"}, "spec.channels[1]: Duplicate value"),
			reject("spec.recipients", []any{map[string]any{"phone": "call me"}}, `spec.recipients[0].phone: Invalid value: should match '^(\+?[0-9]{4,20})?$'`),
			reject("spec.recipients", []any{map[string]any{"webhookURL": "ftp://example.com"}}, "spec.recipients[0].webhookURL: Invalid value: should match '^(https?://.+)?$'"),
			reject("spec.actionLinks", []any{map[string]any{"service": "s", "label": "l", "url": "javascript:1"}}, "spec.actionLinks[0].url: Invalid value: should match '^https?://.+'"),
			reject("spec.retryPolicy.maxAttempts", int64(11), "spec.retryPolicy.maxAttempts: Invalid value: should be less than or equal to 10"),
			reject("spec.retryPolicy.initialBackoffSeconds", int64(0), "spec.retryPolicy.initialBackoffSeconds: Invalid value: should be greater than or equal to 1"),
			reject("spec.retryPolicy.backoffMultiplier", int64(11), "spec.retryPolicy.backoffMultiplier: Invalid value: should be less than or equal to 10"),
			reject("spec.retryPolicy.maxBackoffSeconds", int64(3601), "spec.retryPolicy.maxBackoffSeconds: Invalid value: should be less than or equal to 3600"),
			reject("spec.retentionDays", int64(0), "spec.retentionDays: Invalid value: should be greater than or equal to 1"),
			reject("spec.retentionDays", int64(366), "spec.retentionDays: Invalid value: should be less than or equal to 365"),
			reject("status.phase", "Flying", "status.phase: Unsupported value"),
			reject("status.deliveryAttempts", []any{map[string]any{
				"channel": "log", "attempt": int64(1), "timestamp": "2026-01-01T00:00:00.000000Z", "status": "lost",
			}}, "status.deliveryAttempts[0].status: Unsupported value"),
		},
	}
}

// texts returns a JSON list of n strings.
func texts(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = "text"
	}
	return list
}
