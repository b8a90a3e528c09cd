package names

// EventCategory says which part of the platform an audit event tells about.
type EventCategory string

// The categories that datastorage accepts.
const (
	CategoryGateway           EventCategory = "gateway"
	CategoryNotification      EventCategory = "notification"
	CategoryAnalysis          EventCategory = "analysis"
	CategoryAIAgent           EventCategory = "aiagent"
	CategorySignalProcessing  EventCategory = "signalprocessing"
	CategoryWorkflow          EventCategory = "workflow"
	CategoryWorkflowExecution EventCategory = "workflowexecution"
	CategoryOrchestration     EventCategory = "orchestration"
	CategoryApproval          EventCategory = "approval"
	CategoryWebhook           EventCategory = "webhook"
)

// EventCategories returns all categories in the order of their declaration.
func EventCategories() []EventCategory {
	return []EventCategory{
		CategoryGateway, CategoryNotification, CategoryAnalysis, CategoryAIAgent, CategorySignalProcessing,
		CategoryWorkflow, CategoryWorkflowExecution, CategoryOrchestration, CategoryApproval, CategoryWebhook,
	}
}

// EventOutcome says how the recorded action ended.
type EventOutcome string

// The outcomes that datastorage accepts.
const (
	OutcomeSuccess EventOutcome = "success"
	OutcomeFailure EventOutcome = "failure"
	OutcomePending EventOutcome = "pending"
)

// EventOutcomes returns all outcomes.
func EventOutcomes() []EventOutcome {
	return []EventOutcome{OutcomeSuccess, OutcomeFailure, OutcomePending}
}

// EventType names what happened. Datastorage accepts any well-formed type; these are the platform's own.
type EventType string

// Event types, by the program that records them.
const (
	EventSignalReceived     EventType = "gateway.signal.received"
	EventSignalDeduplicated EventType = "gateway.signal.deduplicated"
	EventCRDCreated         EventType = "gateway.crd.created"
	EventCRDFailed          EventType = "gateway.crd.failed"

	EventWorkflowCreated EventType = "datastorage.workflow.created"
	EventWorkflowUpdated EventType = "datastorage.workflow.updated"
	EventSearchCompleted EventType = "workflow.catalog.search_completed"

	EventEnrichmentCompleted       EventType = "signalprocessing.enrichment.completed"
	EventClassificationDecision    EventType = "signalprocessing.classification.decision"
	EventBusinessClassified        EventType = "signalprocessing.business.classified"
	EventSignalProcessed           EventType = "signalprocessing.signal.processed"
	EventSignalProcessingPhase     EventType = "signalprocessing.phase.transition"
	EventSignalProcessingError     EventType = "signalprocessing.error.occurred"
	EventAnalysisPhase             EventType = "aianalysis.phase.transition"
	EventHolmesGPTCall             EventType = "aianalysis.holmesgpt.call"
	EventRegoEvaluation            EventType = "aianalysis.rego.evaluation"
	EventApprovalDecision          EventType = "aianalysis.approval.decision"
	EventAnalysisCompleted         EventType = "aianalysis.analysis.completed"
	EventAnalysisFailed            EventType = "aianalysis.analysis.failed"
	EventAnalysisError             EventType = "aianalysis.error.occurred"
	EventLifecycleCreated          EventType = "orchestrator.lifecycle.created"
	EventLifecycleStarted          EventType = "orchestrator.lifecycle.started"
	EventLifecycleTransitioned     EventType = "orchestrator.lifecycle.transitioned"
	EventLifecycleCompleted        EventType = "orchestrator.lifecycle.completed"
	EventLifecycleFailed           EventType = "orchestrator.lifecycle.failed"
	EventApprovalRequested         EventType = "orchestrator.approval.requested"
	EventApprovalApproved          EventType = "orchestrator.approval.approved"
	EventApprovalRejected          EventType = "orchestrator.approval.rejected"
	EventRoutingBlocked            EventType = "orchestrator.routing.blocked"
	EventSelectionCompleted        EventType = "workflowexecution.selection.completed"
	EventExecutionStarted          EventType = "workflowexecution.execution.started"
	EventExecutionWorkflowStarted  EventType = "workflowexecution.workflow.started"
	EventExecutionWorkflowDone     EventType = "workflowexecution.workflow.completed"
	EventExecutionWorkflowFailed   EventType = "workflowexecution.workflow.failed"
	EventMessageSent               EventType = "notification.message.sent"
	EventMessageFailed             EventType = "notification.message.failed"
	EventMessageAcknowledged       EventType = "notification.message.acknowledged"
	EventMessageEscalated          EventType = "notification.message.escalated"
	EventWebhookUnblocked          EventType = "webhook.workflow.unblocked"
	EventWebhookApprovalDecided    EventType = "webhook.approval.decided"
	EventWebhookCancelled          EventType = "webhook.notification.cancelled"
	EventWebhookAcknowledged       EventType = "webhook.notification.acknowledged"
	EventWebhookTimeoutModified    EventType = "webhook.remediationrequest.timeout_modified"
	EventHolmesGPTResponseComplete EventType = "holmesgpt.response.complete"
)
