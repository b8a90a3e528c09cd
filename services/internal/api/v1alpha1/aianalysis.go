package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AIAnalysisKind is the kind of AIAnalysis.
const AIAnalysisKind = "AIAnalysis"

// AIAnalysis asks for a root cause and a workflow.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=aianalyses,singular=aianalysis,shortName=aia,scope=Namespaced
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Workflow",type=string,JSONPath=`.status.selectedWorkflow.workflowId`
// +kubebuilder:printcolumn:name="Confidence",type=number,JSONPath=`.status.selectedWorkflow.confidence`
// +kubebuilder:printcolumn:name="Approval",type=boolean,JSONPath=`.status.approvalRequired`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.subReason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type AIAnalysis struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AIAnalysisSpec   `json:"spec"`
	Status AIAnalysisStatus `json:"status,omitempty"`
}

// AIAnalysisList is a list of AIAnalyses.
//
// +kubebuilder:object:root=true
type AIAnalysisList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []AIAnalysis `json:"items"`
}

// AIAnalysisSpec is what the analysis knows.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec is immutable"
type AIAnalysisSpec struct {
	RemediationRequestRef ObjectReference `json:"remediationRequestRef"`
	// RemediationID is the RemediationRequest's name: the correlation id of all audit events.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	RemediationID   string          `json:"remediationId"`
	AnalysisRequest AnalysisRequest `json:"analysisRequest"`

	IsRecoveryAttempt bool `json:"isRecoveryAttempt,omitempty"`
	// RecoveryAttemptNumber counts from 1; 0 when this is no recovery attempt.
	// +kubebuilder:validation:Minimum=0
	RecoveryAttemptNumber int32 `json:"recoveryAttemptNumber,omitempty"`
	// +kubebuilder:validation:MaxItems=20
	PreviousExecutions []PreviousExecution `json:"previousExecutions,omitempty"`

	TimeoutConfig *AnalysisTimeoutConfig `json:"timeoutConfig,omitempty"`
}

// AnalysisRequest is the signal in its context.
type AnalysisRequest struct {
	SignalContext SignalContext `json:"signalContext"`
	// AnalysisTypes is empty for all types.
	// +kubebuilder:validation:MaxItems=10
	AnalysisTypes []AnalysisType `json:"analysisTypes,omitempty"`
}

// AnalysisType is a part of an analysis.
//
// +kubebuilder:validation:Enum=investigation;root-cause;workflow-selection
type AnalysisType string

// The analysis types.
const (
	Investigation     AnalysisType = "investigation"
	RootCause         AnalysisType = "root-cause"
	WorkflowSelection AnalysisType = "workflow-selection"
)

// SignalContext is what signal processing found out, as far as the analysis needs it.
type SignalContext struct {
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{64}$`
	Fingerprint string `json:"fingerprint"`
	// +kubebuilder:validation:Enum=critical;high;medium;low;unknown
	Severity string `json:"severity"`
	// SignalType is the signal's name, such as OOMKilled or CrashLoopBackOff: what the workflow catalogue is searched by.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SignalType string `json:"signalType"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Environment string `json:"environment"`
	// +kubebuilder:validation:Enum=P0;P1;P2;P3
	BusinessPriority  string             `json:"businessPriority"`
	TargetResource    TargetResource     `json:"targetResource"`
	EnrichmentResults *EnrichmentResults `json:"enrichmentResults,omitempty"`
	// Message is the signal's own text, for instance an alert's summary.
	// +kubebuilder:validation:MaxLength=8192
	Message string `json:"message,omitempty"`
}

// EnrichmentResults is signal processing's result.
type EnrichmentResults struct {
	KubernetesContext      *KubernetesContext      `json:"kubernetesContext,omitempty"`
	BusinessClassification *BusinessClassification `json:"businessClassification,omitempty"`
}

// PreviousExecution is an attempt that did not help.
type PreviousExecution struct {
	WorkflowExecutionRef ObjectReference    `json:"workflowExecutionRef"`
	OriginalRCA          *RootCauseAnalysis `json:"originalRCA,omitempty"`
	SelectedWorkflow     *SelectedWorkflow  `json:"selectedWorkflow,omitempty"`
	Failure              *ExecutionFailure  `json:"failure,omitempty"`
}

// ExecutionFailure says why an attempt failed.
type ExecutionFailure struct {
	Reason   string       `json:"reason,omitempty"`
	Message  string       `json:"message,omitempty"`
	ExitCode *int32       `json:"exitCode,omitempty"`
	FailedAt *metav1.Time `json:"failedAt,omitempty"`
}

// AnalysisTimeoutConfig holds time limits. A nil limit is the controller's default.
type AnalysisTimeoutConfig struct {
	InvestigatingTimeout *metav1.Duration `json:"investigatingTimeout,omitempty"`
	AnalyzingTimeout     *metav1.Duration `json:"analyzingTimeout,omitempty"`
}

// AIAnalysisPhase is a step of an analysis.
//
// +kubebuilder:validation:Enum=Pending;Investigating;Analyzing;Completed;Failed
type AIAnalysisPhase string

// The phases of an analysis in their order. The last two are final.
const (
	AIAnalysisPending       AIAnalysisPhase = "Pending"
	AIAnalysisInvestigating AIAnalysisPhase = "Investigating"
	AIAnalysisAnalyzing     AIAnalysisPhase = "Analyzing"
	AIAnalysisCompleted     AIAnalysisPhase = "Completed"
	AIAnalysisFailed        AIAnalysisPhase = "Failed"
)

// Terminal reports whether the analysis stays in this phase for good. The empty phase is not terminal.
func (p AIAnalysisPhase) Terminal() bool { return p == AIAnalysisCompleted || p == AIAnalysisFailed }
