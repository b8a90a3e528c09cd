package api

import "github.com/kubernaut/kubernaut/services/internal/names"

// What an audit event says.
const (
	CategoryGateway           = names.CategoryGateway
	CategoryNotification      = names.CategoryNotification
	CategoryAnalysis          = names.CategoryAnalysis
	CategoryAIAgent           = names.CategoryAIAgent
	CategorySignalProcessing  = names.CategorySignalProcessing
	CategoryWorkflow          = names.CategoryWorkflow
	CategoryWorkflowExecution = names.CategoryWorkflowExecution
	CategoryOrchestration     = names.CategoryOrchestration
	CategoryApproval          = names.CategoryApproval
	CategoryWebhook           = names.CategoryWebhook
	OutcomeSuccess            = names.OutcomeSuccess
	OutcomeFailure            = names.OutcomeFailure
	OutcomePending            = names.OutcomePending
)

// Audit event types.
const (
	EventSignalReceived            = names.EventSignalReceived
	EventSignalDeduplicated        = names.EventSignalDeduplicated
	EventCRDCreated                = names.EventCRDCreated
	EventCRDFailed                 = names.EventCRDFailed
	EventWorkflowCreated           = names.EventWorkflowCreated
	EventWorkflowUpdated           = names.EventWorkflowUpdated
	EventSearchCompleted           = names.EventSearchCompleted
	EventEnrichmentCompleted       = names.EventEnrichmentCompleted
	EventClassificationDecision    = names.EventClassificationDecision
	EventBusinessClassified        = names.EventBusinessClassified
	EventSignalProcessed           = names.EventSignalProcessed
	EventSignalProcessingPhase     = names.EventSignalProcessingPhase
	EventSignalProcessingError     = names.EventSignalProcessingError
	EventAnalysisPhase             = names.EventAnalysisPhase
	EventHolmesGPTCall             = names.EventHolmesGPTCall
	EventRegoEvaluation            = names.EventRegoEvaluation
	EventApprovalDecision          = names.EventApprovalDecision
	EventAnalysisCompleted         = names.EventAnalysisCompleted
	EventAnalysisFailed            = names.EventAnalysisFailed
	EventAnalysisError             = names.EventAnalysisError
	EventLifecycleCreated          = names.EventLifecycleCreated
	EventLifecycleStarted          = names.EventLifecycleStarted
	EventLifecycleTransitioned     = names.EventLifecycleTransitioned
	EventLifecycleCompleted        = names.EventLifecycleCompleted
	EventLifecycleFailed           = names.EventLifecycleFailed
	EventApprovalRequested         = names.EventApprovalRequested
	EventApprovalApproved          = names.EventApprovalApproved
	EventApprovalRejected          = names.EventApprovalRejected
	EventRoutingBlocked            = names.EventRoutingBlocked
	EventSelectionCompleted        = names.EventSelectionCompleted
	EventExecutionStarted          = names.EventExecutionStarted
	EventExecutionWorkflowStarted  = names.EventExecutionWorkflowStarted
	EventExecutionWorkflowDone     = names.EventExecutionWorkflowDone
	EventExecutionWorkflowFailed   = names.EventExecutionWorkflowFailed
	EventMessageSent               = names.EventMessageSent
	EventMessageFailed             = names.EventMessageFailed
	EventMessageAcknowledged       = names.EventMessageAcknowledged
	EventMessageEscalated          = names.EventMessageEscalated
	EventWebhookUnblocked          = names.EventWebhookUnblocked
	EventWebhookApprovalDecided    = names.EventWebhookApprovalDecided
	EventWebhookCancelled          = names.EventWebhookCancelled
	EventWebhookAcknowledged       = names.EventWebhookAcknowledged
	EventWebhookTimeoutModified    = names.EventWebhookTimeoutModified
	EventHolmesGPTResponseComplete = names.EventHolmesGPTResponseComplete
)
