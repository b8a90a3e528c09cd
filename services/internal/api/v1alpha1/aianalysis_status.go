package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AIAnalysisStatus is the analysis.
type AIAnalysisStatus struct {
	// Phase is empty until the controller has seen the object.
	Phase AIAnalysisPhase `json:"phase,omitempty"`
	// Reason is a word for the phase, SubReason one for its cause.
	Reason    string            `json:"reason,omitempty"`
	SubReason AnalysisSubReason `json:"subReason,omitempty"`
	Message   string            `json:"message,omitempty"`

	StartedAt   *metav1.Time `json:"startedAt,omitempty"`
	CompletedAt *metav1.Time `json:"completedAt,omitempty"`
	// PhaseStartedAt is when Phase was entered; the phase's time limit counts from it.
	PhaseStartedAt *metav1.Time `json:"phaseStartedAt,omitempty"`

	// RootCause is RootCauseAnalysis.Summary.
	RootCause            string                `json:"rootCause,omitempty"`
	RootCauseAnalysis    *RootCauseAnalysis    `json:"rootCauseAnalysis,omitempty"`
	SelectedWorkflow     *SelectedWorkflow     `json:"selectedWorkflow,omitempty"`
	AlternativeWorkflows []AlternativeWorkflow `json:"alternativeWorkflows,omitempty"`

	ApprovalRequired bool             `json:"approvalRequired,omitempty"`
	ApprovalReason   string           `json:"approvalReason,omitempty"`
	ApprovalContext  *ApprovalContext `json:"approvalContext,omitempty"`

	NeedsHumanReview  bool   `json:"needsHumanReview,omitempty"`
	HumanReviewReason string `json:"humanReviewReason,omitempty"`

	InvestigationID           string              `json:"investigationId,omitempty"`
	TargetInOwnerChain        *bool               `json:"targetInOwnerChain,omitempty"`
	Warnings                  []string            `json:"warnings,omitempty"`
	ValidationAttemptsHistory []ValidationAttempt `json:"validationAttemptsHistory,omitempty"`

	DegradedMode        bool  `json:"degradedMode,omitempty"`
	ConsecutiveFailures int32 `json:"consecutiveFailures,omitempty"`

	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AnalysisSubReason is the cause of an analysis's end.
//
// +kubebuilder:validation:Enum=WorkflowNotFound;ImageMismatch;ParameterValidationFailed;NoMatchingWorkflows;LowConfidence;LLMParsingError;ValidationError;TransientError;PermanentError;InvestigationInconclusive;ProblemResolved;MaxRetriesExceeded
type AnalysisSubReason string

// The causes of an analysis's end.
const (
	SubReasonWorkflowNotFound          AnalysisSubReason = "WorkflowNotFound"
	SubReasonImageMismatch             AnalysisSubReason = "ImageMismatch"
	SubReasonParameterValidationFailed AnalysisSubReason = "ParameterValidationFailed"
	SubReasonNoMatchingWorkflows       AnalysisSubReason = "NoMatchingWorkflows"
	SubReasonLowConfidence             AnalysisSubReason = "LowConfidence"
	SubReasonLLMParsingError           AnalysisSubReason = "LLMParsingError"
	SubReasonValidationError           AnalysisSubReason = "ValidationError"
	SubReasonTransientError            AnalysisSubReason = "TransientError"
	SubReasonPermanentError            AnalysisSubReason = "PermanentError"
	SubReasonInconclusive              AnalysisSubReason = "InvestigationInconclusive"
	SubReasonProblemResolved           AnalysisSubReason = "ProblemResolved"
	SubReasonMaxRetriesExceeded        AnalysisSubReason = "MaxRetriesExceeded"
)

// RootCauseAnalysis is why the signal fired.
type RootCauseAnalysis struct {
	Summary             string   `json:"summary,omitempty"`
	Severity            string   `json:"severity,omitempty"`
	SignalType          string   `json:"signalType,omitempty"`
	ContributingFactors []string `json:"contributingFactors,omitempty"`
}

// SelectedWorkflow is the workflow that the analysis proposes.
type SelectedWorkflow struct {
	// +kubebuilder:validation:MinLength=1
	WorkflowID      string `json:"workflowId"`
	Version         string `json:"version,omitempty"`
	ContainerImage  string `json:"containerImage,omitempty"`
	ContainerDigest string `json:"containerDigest,omitempty"`
	// Confidence is 0 to 1.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1
	Confidence float64           `json:"confidence"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Rationale  string            `json:"rationale,omitempty"`
}

// AlternativeWorkflow is a workflow that the analysis considered. It is for humans: nothing runs it.
type AlternativeWorkflow struct {
	// +kubebuilder:validation:MinLength=1
	WorkflowID     string  `json:"workflowId"`
	ContainerImage string  `json:"containerImage,omitempty"`
	Confidence     float64 `json:"confidence,omitempty"`
	Rationale      string  `json:"rationale,omitempty"`
}

// ApprovalContext is what a human needs to decide.
type ApprovalContext struct {
	Reason               string          `json:"reason,omitempty"`
	ConfidenceScore      float64         `json:"confidenceScore,omitempty"`
	ConfidenceLevel      ConfidenceLevel `json:"confidenceLevel,omitempty"`
	InvestigationSummary string          `json:"investigationSummary,omitempty"`
	WhyApprovalRequired  string          `json:"whyApprovalRequired,omitempty"`
	// PolicyHash is the SHA-256, in lower-case hex digits, of the policy that decided.
	PolicyHash string `json:"policyHash,omitempty"`
}

// ValidationAttempt is one answer of the model that was checked against the catalogue.
type ValidationAttempt struct {
	Attempt    int32        `json:"attempt"`
	WorkflowID string       `json:"workflowId,omitempty"`
	IsValid    bool         `json:"isValid"`
	Errors     []string     `json:"errors,omitempty"`
	Timestamp  *metav1.Time `json:"timestamp,omitempty"`
}
