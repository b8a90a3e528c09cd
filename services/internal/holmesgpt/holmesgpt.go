// Package holmesgpt is the form in which investigations travel between holmesgpt-api and its clients. It holds types
// alone; how an investigation is led is holmesgpt-api's own business.
//
// A client posts an IncidentRequest to IncidentPath or a RecoveryRequest to RecoveryPath, with the bearer token of an
// account that holds the ClusterRole names.HolmesGPTClientRole, and gets a Response with 200. 400 means that the body is
// not JSON, 422 that a field is missing, unknown, of the wrong type or out of range (field_errors names it), 401 and 403
// that the token is not valid or not bound, 500 that the investigation broke off, for instance because the model is away.
package holmesgpt

import (
	"encoding/json"
	"time"
)

// Routes, both POST.
const (
	IncidentPath = "/api/v1/incident/analyze"
	RecoveryPath = "/api/v1/recovery/analyze"
)

// Severity of a signal.
type Severity string

// The severities that a request may have.
const (
	SeverityCritical Severity = "critical"
	SeverityHigh     Severity = "high"
	SeverityMedium   Severity = "medium"
	SeverityLow      Severity = "low"
	SeverityUnknown  Severity = "unknown"
)

// Severities returns all severities.
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityUnknown}
}

// IncidentRequest asks for the root cause of a signal and for a workflow against it. Fields are required unless their
// comment says otherwise.
type IncidentRequest struct {
	// IncidentID is the client's name for the investigation; it comes back in the response.
	IncidentID string `json:"incident_id"`
	// RemediationID is the remediation request's name, the correlation id of audit events.
	RemediationID string   `json:"remediation_id"`
	SignalType    string   `json:"signal_type"`
	Severity      Severity `json:"severity"`
	SignalSource  string   `json:"signal_source"`
	// ResourceNamespace is empty for cluster-scoped kinds.
	ResourceNamespace string `json:"resource_namespace"`
	ResourceKind      string `json:"resource_kind"`
	ResourceName      string `json:"resource_name"`
	// Environment and Priority are labels of the workflows to look for.
	Environment string `json:"environment"`
	Priority    string `json:"priority"`

	// The fields below may be empty.
	ErrorMessage     string `json:"error_message"`
	RiskTolerance    string `json:"risk_tolerance"`
	BusinessCategory string `json:"business_category"`
	ClusterName      string `json:"cluster_name"`
	// EnrichmentResults is a JSON object that the model gets to read. Its list ownerChain, or kubernetesContext.ownerChain,
	// of objects with kind, name and namespace decides TargetInOwnerChain.
	EnrichmentResults json.RawMessage `json:"enrichment_results,omitempty"`
}

// RecoveryRequest asks again after a workflow has failed.
type RecoveryRequest struct {
	IncidentRequest
	// IsRecoveryAttempt must be true.
	IsRecoveryAttempt bool `json:"is_recovery_attempt"`
	// RecoveryAttemptNumber counts from 1.
	RecoveryAttemptNumber int `json:"recovery_attempt_number"`
	// PreviousExecution is what failed.
	PreviousExecution *PreviousExecution `json:"previous_execution"`
}

// PreviousExecution is a workflow that ran and failed. All fields may be empty.
type PreviousExecution struct {
	// WorkflowExecutionRef is the name of the WorkflowExecution.
	WorkflowExecutionRef string            `json:"workflow_execution_ref"`
	OriginalRCA          RootCauseAnalysis `json:"original_rca"`
	SelectedWorkflow     PreviousWorkflow  `json:"selected_workflow"`
	Failure              ExecutionFailure  `json:"failure"`
}

// PreviousWorkflow is the workflow that was chosen before.
type PreviousWorkflow struct {
	WorkflowID     string            `json:"workflow_id"`
	Version        string            `json:"version"`
	ContainerImage string            `json:"containerImage"`
	Parameters     map[string]string `json:"parameters,omitempty"`
	Rationale      string            `json:"rationale"`
}

// ExecutionFailure says how it failed.
type ExecutionFailure struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// ExitCode is nil when no process ended.
	ExitCode *int32     `json:"exit_code,omitempty"`
	FailedAt *time.Time `json:"failed_at,omitempty"`
	// NaturalLanguageSummary is for the model.
	NaturalLanguageSummary string `json:"natural_language_summary,omitempty"`
}

// HumanReviewReason says why a human has to look at the result.
type HumanReviewReason string

// The reasons. ReasonLowConfidence belongs to clients: the service passes low confidence on and does not judge it.
const (
	ReasonWorkflowNotFound          HumanReviewReason = "workflow_not_found"
	ReasonImageMismatch             HumanReviewReason = "image_mismatch"
	ReasonParameterValidationFailed HumanReviewReason = "parameter_validation_failed"
	ReasonNoMatchingWorkflows       HumanReviewReason = "no_matching_workflows"
	ReasonLowConfidence             HumanReviewReason = "low_confidence"
	ReasonLLMParsingError           HumanReviewReason = "llm_parsing_error"
	ReasonInvestigationInconclusive HumanReviewReason = "investigation_inconclusive"
	ReasonRCAIncomplete             HumanReviewReason = "rca_incomplete"
)

// HumanReviewReasons returns all reasons.
func HumanReviewReasons() []HumanReviewReason {
	return []HumanReviewReason{
		ReasonWorkflowNotFound, ReasonImageMismatch, ReasonParameterValidationFailed, ReasonNoMatchingWorkflows,
		ReasonLowConfidence, ReasonLLMParsingError, ReasonInvestigationInconclusive, ReasonRCAIncomplete,
	}
}

// Response is the result of an investigation. Lists are never null.
type Response struct {
	IncidentID string `json:"incident_id"`
	// Analysis is the model's finding in prose.
	Analysis          string            `json:"analysis"`
	RootCauseAnalysis RootCauseAnalysis `json:"root_cause_analysis"`
	// AffectedResource is the object to act on; nil when the model named none.
	AffectedResource *Resource `json:"affectedResource"`
	// SelectedWorkflow is nil when there is nothing to run, or when no proposal agreed with the catalogue.
	SelectedWorkflow *SelectedWorkflow `json:"selected_workflow"`
	// Confidence, 0 to 1, is the model's in its workflow, or in the problem having gone when there is none. It is 0 when
	// a human has to choose because no workflow is left, so that a confident refusal does not read as a solved problem.
	Confidence float64   `json:"confidence"`
	Timestamp  time.Time `json:"timestamp"`
	// NeedsHumanReview is true exactly when HumanReviewReason is not empty.
	NeedsHumanReview  bool              `json:"needs_human_review"`
	HumanReviewReason HumanReviewReason `json:"human_review_reason,omitempty"`
	// TargetInOwnerChain says that AffectedResource is the signal's own resource or one of its owners.
	TargetInOwnerChain   bool                  `json:"target_in_owner_chain"`
	Warnings             []string              `json:"warnings"`
	AlternativeWorkflows []AlternativeWorkflow `json:"alternative_workflows"`
	// ValidationAttemptsHistory has one entry per judged answer of the model, 3 at most.
	ValidationAttemptsHistory []ValidationAttempt `json:"validation_attempts_history"`
	// RecoveryAnalysis is there on the recovery route alone, when the model judged the earlier attempt.
	RecoveryAnalysis *RecoveryAnalysis `json:"recovery_analysis,omitempty"`
}

// RootCauseAnalysis is the diagnosis.
type RootCauseAnalysis struct {
	Summary             string   `json:"summary"`
	Severity            string   `json:"severity"`
	SignalType          string   `json:"signal_type"`
	ContributingFactors []string `json:"contributing_factors"`
}

// Resource names a Kubernetes object. Namespace is empty for cluster-scoped kinds.
type Resource struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// SelectedWorkflow is a workflow of the catalogue with the parameters for this run. Version, image and digest are the
// catalogue's.
type SelectedWorkflow struct {
	WorkflowID      string  `json:"workflow_id"`
	Title           string  `json:"title"`
	Version         string  `json:"version"`
	ContainerImage  string  `json:"containerImage"`
	ContainerDigest string  `json:"containerDigest"`
	ExecutionEngine string  `json:"execution_engine"`
	Confidence      float64 `json:"confidence"`
	Rationale       string  `json:"rationale"`
	// Parameters is never nil.
	Parameters map[string]string `json:"parameters"`
}

// AlternativeWorkflow is what the model would have chosen next. It is information: nothing checks it.
type AlternativeWorkflow struct {
	WorkflowID string  `json:"workflow_id"`
	Confidence float64 `json:"confidence"`
	Rationale  string  `json:"rationale"`
}

// ValidationAttempt is one answer of the model and what was wrong with it.
type ValidationAttempt struct {
	// Attempt counts from 1.
	Attempt int `json:"attempt"`
	// WorkflowID is empty when the answer named none.
	WorkflowID string `json:"workflow_id"`
	IsValid    bool   `json:"is_valid"`
	// Errors is empty exactly when IsValid.
	Errors    []string  `json:"errors"`
	Timestamp time.Time `json:"timestamp"`
}

// RecoveryAnalysis judges an earlier, failed workflow.
type RecoveryAnalysis struct {
	PreviousAttemptAssessment PreviousAttemptAssessment `json:"previous_attempt_assessment"`
}

// PreviousAttemptAssessment says why the earlier workflow failed and what has changed since.
type PreviousAttemptAssessment struct {
	FailureUnderstood     bool   `json:"failure_understood"`
	FailureReasonAnalysis string `json:"failure_reason_analysis"`
	StateChanged          bool   `json:"state_changed"`
	CurrentSignalType     string `json:"current_signal_type"`
}
