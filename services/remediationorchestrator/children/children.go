// Package children makes the objects that carry a remediation from step to step: pure functions from what is known to what
// is asked next. Names come from package names; owners are set by whoever creates the objects.
//
// What an earlier step left open gets the word that the next step's schema has for "not known"; texts are cut to the length
// that the schema admits.
package children

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Longest texts of the schemas, in characters.
const (
	maxMessage   = 8192
	maxRationale = 8192
	maxReason    = 2048
	maxSubject   = 500
)

// Words for what signal processing did not find out.
const (
	unknown      = "unknown"
	lastPriority = "P3"
)

// SignalProcessing asks for the context of a request's signal.
func SignalProcessing(request *v1alpha1.RemediationRequest) *v1alpha1.SignalProcessing {
	spec := request.Spec
	return &v1alpha1.SignalProcessing{
		ObjectMeta: meta(request, names.SignalProcessingName(request.Name)),
		Spec: v1alpha1.SignalProcessingSpec{
			RemediationRequestRef: Request(request),
			Signal: v1alpha1.Signal{
				Fingerprint:    spec.SignalFingerprint,
				Name:           spec.SignalName,
				Severity:       spec.Severity,
				Type:           spec.SignalType,
				Source:         spec.SignalSource,
				TargetType:     spec.TargetType,
				TargetResource: spec.TargetResource,
				Labels:         spec.SignalLabels,
				Annotations:    spec.SignalAnnotations,
				FiringTime:     &spec.FiringTime,
				ReceivedTime:   &spec.ReceivedTime,
				ProviderData:   spec.ProviderData,
			},
		},
	}
}

// AIAnalysis asks for a root cause and a workflow, given a processed signal.
func AIAnalysis(request *v1alpha1.RemediationRequest, processed *v1alpha1.SignalProcessing) *v1alpha1.AIAnalysis {
	status := processed.Status
	signal := v1alpha1.SignalContext{
		Fingerprint:      request.Spec.SignalFingerprint,
		Severity:         cmp.Or(status.Severity, unknown),
		SignalType:       request.Spec.SignalName,
		Environment:      unknown,
		BusinessPriority: lastPriority,
		TargetResource:   request.Spec.TargetResource,
		Message:          clip(message(request.Spec.SignalAnnotations), maxMessage),
	}
	if found := status.EnvironmentClassification; found != nil {
		signal.Environment = cmp.Or(found.Environment, unknown)
	}
	if found := status.PriorityAssignment; found != nil {
		signal.BusinessPriority = cmp.Or(found.Priority, lastPriority)
	}
	if status.KubernetesContext != nil || status.BusinessClassification != nil {
		signal.EnrichmentResults = &v1alpha1.EnrichmentResults{
			KubernetesContext: status.KubernetesContext, BusinessClassification: status.BusinessClassification,
		}
	}
	return &v1alpha1.AIAnalysis{
		ObjectMeta: meta(request, names.AIAnalysisName(request.Name)),
		Spec: v1alpha1.AIAnalysisSpec{
			RemediationRequestRef: Request(request),
			RemediationID:         request.Name,
			AnalysisRequest:       v1alpha1.AnalysisRequest{SignalContext: signal},
		},
	}
}

// message returns the annotations in which alerts, and the gateway's Kubernetes events, say what happened.
func message(annotations map[string]string) string {
	var parts []string
	for _, key := range []string{"summary", "description", "message"} {
		if text := annotations[key]; text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n")
}

// WorkflowExecution asks for a run of the workflow that an analysis selected, which must not be nil. The Job ends with the
// phase's time limit: nothing goes on working after the remediation has timed out.
func WorkflowExecution(request *v1alpha1.RemediationRequest, analysis *v1alpha1.AIAnalysis, timeout time.Duration) *v1alpha1.WorkflowExecution {
	workflow := analysis.Status.SelectedWorkflow
	var parameters map[string]v1alpha1.ParameterValue
	for name, value := range workflow.Parameters {
		if parameters == nil {
			parameters = map[string]v1alpha1.ParameterValue{}
		}
		parameters[name] = v1alpha1.ParameterValue(value)
	}
	return &v1alpha1.WorkflowExecution{
		ObjectMeta: meta(request, names.WorkflowExecutionName(request.Name)),
		Spec: v1alpha1.WorkflowExecutionSpec{
			RemediationRequestRef: Request(request),
			WorkflowRef: v1alpha1.WorkflowRef{
				WorkflowID: workflow.WorkflowID, Version: workflow.Version,
				ContainerImage: workflow.ContainerImage, ContainerDigest: workflow.ContainerDigest,
			},
			TargetResource:  Target(request.Spec.TargetResource),
			Parameters:      parameters,
			Confidence:      workflow.Confidence,
			Rationale:       clip(workflow.Rationale, maxRationale),
			ExecutionConfig: &v1alpha1.ExecutionConfig{Timeout: &metav1.Duration{Duration: timeout}},
			ExecutionEngine: v1alpha1.JobEngine,
		},
	}
}

// Target returns "<namespace>/<kind>/<name>", or "<kind>/<name>" of a cluster-scoped resource.
func Target(resource v1alpha1.TargetResource) string {
	target := resource.Kind + "/" + resource.Name
	if resource.Namespace == "" {
		return target
	}
	return resource.Namespace + "/" + target
}

// Request refers to a request.
func Request(request *v1alpha1.RemediationRequest) v1alpha1.ObjectReference {
	return Reference(v1alpha1.RemediationRequestKind, request)
}

// Reference refers to an object of one of the platform's kinds.
func Reference(kind string, object metav1.Object) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion().String(), Kind: kind,
		Name: object.GetName(), Namespace: object.GetNamespace(), UID: string(object.GetUID()),
	}
}

func meta(request *v1alpha1.RemediationRequest, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: request.Namespace}
}

// clip cuts a text to a number of characters, which is how the API server counts.
func clip(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
