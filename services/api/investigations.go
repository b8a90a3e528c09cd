package api

import "github.com/kubernaut/kubernaut/services/internal/holmesgpt"

// What holmesgpt-api is asked, and what it answers.
type (
	IncidentRequest         = holmesgpt.IncidentRequest
	RecoveryRequest         = holmesgpt.RecoveryRequest
	FailedExecution         = holmesgpt.PreviousExecution
	InvestigationResponse   = holmesgpt.Response
	InvestigationWorkflow   = holmesgpt.SelectedWorkflow
	InvestigationReason     = holmesgpt.HumanReviewReason
	InvestigationResource   = holmesgpt.Resource
	InvestigationValidation = holmesgpt.ValidationAttempt
)

// Words of a request and of its answer.
const (
	IncidentSeverityCritical        = holmesgpt.SeverityCritical
	ReasonWorkflowNotFound          = holmesgpt.ReasonWorkflowNotFound
	ReasonImageMismatch             = holmesgpt.ReasonImageMismatch
	ReasonParameterValidationFailed = holmesgpt.ReasonParameterValidationFailed
	ReasonNoMatchingWorkflows       = holmesgpt.ReasonNoMatchingWorkflows
	ReasonLLMParsingError           = holmesgpt.ReasonLLMParsingError
	ReasonRCAIncomplete             = holmesgpt.ReasonRCAIncomplete
)
