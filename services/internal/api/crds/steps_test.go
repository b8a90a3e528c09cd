package crds

import (
	"strings"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

func signalProcessing() specimen {
	return specimen{
		valid: &v1alpha1.SignalProcessing{Spec: v1alpha1.SignalProcessingSpec{
			RemediationRequestRef: reference(v1alpha1.RemediationRequestKind),
			Signal: v1alpha1.Signal{
				Fingerprint:    fingerprint,
				Name:           "HighMemory",
				Severity:       "critical",
				Type:           v1alpha1.PrometheusAlert,
				TargetType:     v1alpha1.KubernetesTarget,
				TargetResource: target(),
			},
		}},
		other: edit{"spec.signal.severity", "warning"},
		accepted: []edit{
			{"spec.enrichmentConfig", nil},
			{"spec.enrichmentConfig.enableClusterState", false},
			{"status.severity", "unknown"},
		},
		defaults: map[string]any{"spec.enrichmentConfig.enableClusterState": true},
		rejected: []rejection{
			reject("spec.remediationRequestRef", nil, "spec.remediationRequestRef: Required value"),
			reject("spec.remediationRequestRef.name", "", "spec.remediationRequestRef.name: Invalid value: should be at least 1 chars long"),
			reject("spec.signal", nil, "spec.signal: Required value"),
			reject("spec.signal.fingerprint", "abc", "spec.signal.fingerprint: Invalid value: should match '^[0-9a-f]{64}$'"),
			reject("spec.signal.name", "", "spec.signal.name: Invalid value: should be at least 1 chars long"),
			reject("spec.signal.severity", nil, "spec.signal.severity: Required value"),
			reject("spec.signal.severity", strings.Repeat("x", 51), "spec.signal.severity: Too long: may not be more than 50 bytes"),
			reject("spec.signal.type", "email", "spec.signal.type: Unsupported value"),
			reject("spec.signal.targetType", "aws", "spec.signal.targetType: Unsupported value"),
			reject("spec.signal.targetResource.kind", strings.Repeat("x", 64), "spec.signal.targetResource.kind: Too long: may not be more than 63 bytes"),
			reject("spec.signal.firingTime", "yesterday", `spec.signal.firingTime: Invalid value: must be of type date-time: "yesterday"`),
			reject("spec.signal.labels", "app=web", `spec.signal.labels: Invalid value: must be of type object: "string"`),
			reject("spec.signal.providerData", strings.Repeat("x", 65537), "spec.signal.providerData: Too long: may not be more than 65536 bytes"),
			reject("spec.enrichmentConfig.enableClusterState", "yes", `spec.enrichmentConfig.enableClusterState: Invalid value: must be of type boolean: "string"`),
			reject("status.phase", "Thinking", "status.phase: Unsupported value"),
			reject("status.severity", "warning", "status.severity: Unsupported value"),
			reject("status.priorityAssignment", map[string]any{
				"priority": "P4", "source": "policy", "assignedAt": "2026-01-01T00:00:00Z",
			}, "status.priorityAssignment.priority: Unsupported value"),
		},
	}
}

func aiAnalysis() specimen {
	return specimen{
		valid: &v1alpha1.AIAnalysis{Spec: v1alpha1.AIAnalysisSpec{
			RemediationRequestRef: reference(v1alpha1.RemediationRequestKind),
			RemediationID:         "rr-1",
			AnalysisRequest: v1alpha1.AnalysisRequest{SignalContext: v1alpha1.SignalContext{
				Fingerprint:      fingerprint,
				Severity:         "critical",
				SignalType:       "OOMKilled",
				Environment:      "production",
				BusinessPriority: "P0",
				TargetResource:   target(),
			}},
		}},
		other: edit{"spec.remediationId", "rr-2"},
		accepted: []edit{
			{"spec.analysisRequest.analysisTypes", []any{"investigation", "root-cause", "workflow-selection"}},
			{"spec.previousExecutions", []any{map[string]any{"workflowExecutionRef": map[string]any{"name": "first"}}}},
			{"status.selectedWorkflow", map[string]any{"workflowId": "restart", "confidence": 0.9}},
		},
		rejected: []rejection{
			reject("spec.remediationRequestRef", nil, "spec.remediationRequestRef: Required value"),
			reject("spec.remediationId", "", "spec.remediationId: Invalid value: should be at least 1 chars long"),
			reject("spec.remediationId", strings.Repeat("x", 254), "spec.remediationId: Too long: may not be more than 253 bytes"),
			reject("spec.analysisRequest.signalContext", nil, "spec.analysisRequest.signalContext: Required value"),
			reject("spec.analysisRequest.signalContext.fingerprint", "abc", "spec.analysisRequest.signalContext.fingerprint: Invalid value: should match '^[0-9a-f]{64}$'"),
			reject("spec.analysisRequest.signalContext.severity", "warning", "spec.analysisRequest.signalContext.severity: Unsupported value"),
			reject("spec.analysisRequest.signalContext.signalType", "", "spec.analysisRequest.signalContext.signalType: Invalid value: should be at least 1 chars long"),
			reject("spec.analysisRequest.signalContext.environment", "", "spec.analysisRequest.signalContext.environment: Invalid value: should be at least 1 chars long"),
			reject("spec.analysisRequest.signalContext.environment", strings.Repeat("x", 64), "spec.analysisRequest.signalContext.environment: Too long: may not be more than 63 bytes"),
			reject("spec.analysisRequest.signalContext.businessPriority", "P4", "spec.analysisRequest.signalContext.businessPriority: Unsupported value"),
			reject("spec.analysisRequest.signalContext.targetResource.name", nil, "spec.analysisRequest.signalContext.targetResource.name: Required value"),
			reject("spec.analysisRequest.signalContext.message", strings.Repeat("x", 8193), "spec.analysisRequest.signalContext.message: Too long: may not be more than 8192 bytes"),
			reject("spec.analysisRequest.analysisTypes", []any{"guess"}, "spec.analysisRequest.analysisTypes[0]: Unsupported value"),
			reject("spec.recoveryAttemptNumber", int64(-1), "spec.recoveryAttemptNumber: Invalid value: should be greater than or equal to 0"),
			reject("spec.previousExecutions", []any{map[string]any{}}, "spec.previousExecutions[0].workflowExecutionRef: Required value"),
			reject("spec.previousExecutions", []any{map[string]any{
				"workflowExecutionRef": map[string]any{"name": "first"},
				"selectedWorkflow":     map[string]any{"workflowId": "restart", "confidence": 1.5},
			}}, "spec.previousExecutions[0].selectedWorkflow.confidence: Invalid value: should be less than or equal to 1"),
			reject("status.phase", "Thinking", "status.phase: Unsupported value"),
			reject("status.subReason", "BadLuck", "status.subReason: Unsupported value"),
			reject("status.selectedWorkflow", map[string]any{"confidence": 0.9}, "status.selectedWorkflow.workflowId: Required value"),
		},
	}
}

func workflowExecution() specimen {
	const malformed = "spec.targetResource: Invalid value: should match '^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[A-Za-z][A-Za-z0-9]*/[a-z0-9]([-.a-z0-9:]*[a-z0-9])?$'"
	return specimen{
		valid: &v1alpha1.WorkflowExecution{Spec: v1alpha1.WorkflowExecutionSpec{
			RemediationRequestRef: reference(v1alpha1.RemediationRequestKind),
			WorkflowRef: v1alpha1.WorkflowRef{
				WorkflowID: "restart", Version: "1.0.0", ContainerImage: "registry.example/restart:1",
			},
			TargetResource: "shop/Deployment/web",
			Parameters:     map[string]v1alpha1.ParameterValue{"REPLICAS": "2"},
		}},
		other: edit{"spec.targetResource", "shop/Deployment/db"},
		accepted: []edit{
			{"spec.targetResource", "Node/worker-1.example"},
			{"spec.parameters", nil},
			{"spec.workflowRef.containerDigest", "sha256:" + fingerprint},
			{"spec.executionConfig", map[string]any{"memoryLimit": "64Mi", "timeout": "5m0s"}},
		},
		defaults: map[string]any{"spec.executionEngine": "job"},
		rejected: []rejection{
			reject("spec.remediationRequestRef", nil, "spec.remediationRequestRef: Required value"),
			reject("spec.workflowRef", nil, "spec.workflowRef: Required value"),
			reject("spec.workflowRef.workflowId", "", "spec.workflowRef.workflowId: Invalid value: should be at least 1 chars long"),
			reject("spec.workflowRef.version", strings.Repeat("x", 64), "spec.workflowRef.version: Too long: may not be more than 63 bytes"),
			reject("spec.workflowRef.containerImage", nil, "spec.workflowRef.containerImage: Required value"),
			reject("spec.workflowRef.containerDigest", "sha256:abc", "spec.workflowRef.containerDigest: Invalid value: should match '^(sha256:[0-9a-f]{64})?$'"),
			reject("spec.targetResource", nil, "spec.targetResource: Required value"),
			reject("spec.targetResource", "web", malformed),
			reject("spec.targetResource", "shop/Deployment/web/extra", malformed),
			reject("spec.targetResource", "Shop/Deployment/web", malformed),
			reject("spec.targetResource", "shop/Deployment/"+strings.Repeat("x", 512), "spec.targetResource: Too long: may not be more than 512 bytes"),
			reject("spec.parameters", map[string]any{"TARGET_RESOURCE": "shop/Deployment/db"}, "spec.parameters: Invalid value: TARGET_RESOURCE is the target's, no parameter's"),
			reject("spec.parameters", map[string]any{"REPLICAS": int64(2)}, `spec.parameters.REPLICAS: Invalid value: must be of type string: "integer"`),
			reject("spec.parameters", map[string]any{"REPLICAS": strings.Repeat("2", 4097)}, "spec.parameters.REPLICAS: Too long: may not be more than 4096 bytes"),
			reject("spec.confidence", 1.01, "spec.confidence: Invalid value: should be less than or equal to 1"),
			reject("spec.executionConfig", map[string]any{"memoryLimit": "64MB"}, "spec.executionConfig.memoryLimit: Invalid value: should match '^([1-9][0-9]*(Ki|Mi|Gi)?)?$'"),
			reject("spec.executionEngine", "tekton", "spec.executionEngine: Unsupported value"),
			reject("status.phase", "Sleeping", "status.phase: Unsupported value"),
			reject("status.failureReason", "BadLuck", "status.failureReason: Unsupported value"),
			reject("status.blockClearance", map[string]any{"clearMethod": "Phone"}, "status.blockClearance.clearMethod: Unsupported value"),
		},
	}
}
