package approval

import (
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Input is the document that the policy sees. Lists and objects are never null.
type Input struct {
	Environment      string                  `json:"environment"`
	Severity         string                  `json:"severity"`
	SignalType       string                  `json:"signal_type"`
	BusinessPriority string                  `json:"business_priority"`
	TargetResource   v1alpha1.TargetResource `json:"target_resource"`

	IsRecoveryAttempt     bool  `json:"is_recovery_attempt"`
	RecoveryAttemptNumber int32 `json:"recovery_attempt_number"`

	// Confidence, 0 to 1, is that of the selected workflow.
	Confidence float64           `json:"confidence"`
	Workflow   Workflow          `json:"workflow"`
	RootCause  map[string]string `json:"root_cause"`
	// TargetInOwnerChain says that the investigation's affected resource is the signal's own or one of its owners.
	TargetInOwnerChain bool     `json:"target_in_owner_chain"`
	Warnings           []string `json:"warnings"`

	DetectedLabels v1alpha1.DetectedLabels `json:"detected_labels"`
	CustomLabels   map[string]string       `json:"custom_labels"`
	// FailedDetections names the detected labels that could not be read; detected_labels says nothing about them.
	FailedDetections []string `json:"failed_detections"`
	// Stateful says that the target keeps data of its own.
	Stateful bool `json:"stateful"`
	// DegradedMode says that the target's surroundings are not known.
	DegradedMode bool `json:"degraded_mode"`
}

// Workflow is the selected workflow.
type Workflow struct {
	ID             string            `json:"id"`
	Version        string            `json:"version"`
	ContainerImage string            `json:"container_image"`
	Parameters     map[string]string `json:"parameters"`
}

// NewInput returns what the policy sees of an analysis.
func NewInput(analysis *v1alpha1.AIAnalysis) Input {
	signal, status := analysis.Spec.AnalysisRequest.SignalContext, analysis.Status
	in := Input{
		Environment: signal.Environment, Severity: signal.Severity, SignalType: signal.SignalType,
		BusinessPriority: signal.BusinessPriority, TargetResource: signal.TargetResource,
		IsRecoveryAttempt: analysis.Spec.IsRecoveryAttempt, RecoveryAttemptNumber: analysis.Spec.RecoveryAttemptNumber,
		Workflow: Workflow{Parameters: map[string]string{}}, RootCause: map[string]string{},
		TargetInOwnerChain: status.TargetInOwnerChain != nil && *status.TargetInOwnerChain,
		Warnings:           append([]string{}, status.Warnings...),
		CustomLabels:       map[string]string{}, FailedDetections: []string{},
		Stateful: signal.TargetResource.Kind == "StatefulSet", DegradedMode: status.DegradedMode,
	}
	if selected := status.SelectedWorkflow; selected != nil {
		in.Confidence = selected.Confidence
		in.Workflow.ID, in.Workflow.Version, in.Workflow.ContainerImage = selected.WorkflowID, selected.Version, selected.ContainerImage
		if selected.Parameters != nil {
			in.Workflow.Parameters = selected.Parameters
		}
	}
	if cause := status.RootCauseAnalysis; cause != nil {
		in.RootCause = map[string]string{"summary": cause.Summary, "severity": cause.Severity, "signal_type": cause.SignalType}
	}
	in.surroundings(signal.EnrichmentResults)
	return in
}

func (in *Input) surroundings(found *v1alpha1.EnrichmentResults) {
	if found == nil || found.KubernetesContext == nil {
		return
	}
	if labels := found.KubernetesContext.CustomLabels; labels != nil {
		in.CustomLabels = labels
	}
	if labels := found.KubernetesContext.DetectedLabels; labels != nil {
		in.DetectedLabels = *labels
		in.FailedDetections = append(in.FailedDetections, labels.FailedDetections...)
		in.Stateful = in.Stateful || labels.Stateful
	}
}
