package reconcile

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/aianalysis/approval"
	"github.com/kubernaut/kubernaut/services/aianalysis/investigation"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

// Reasons: a word for the phase.
const (
	reasonRetrying  = "Retrying"
	reasonCompleted = "AnalysisCompleted"
	reasonNotNeeded = "WorkflowNotNeeded"
	// reasonUnresolved says that a human has to find the remedy.
	reasonUnresolved = "WorkflowResolutionFailed"
	reasonAPIError   = "APIError"
	reasonTimeout    = "Timeout"
)

// Bounds of what is taken over from an answer, so that any answer fits into a status: bytes of a text, entries of a list.
const (
	maxMessage = 4 << 10
	maxText    = 8 << 10
	maxItem    = 1 << 10
	maxList    = 32
)

// modelAttempts is how often holmesgpt-api lets the model propose.
const modelAttempts = 3

// Bounds of the confidence levels.
const (
	mediumFrom = 0.6
	highFrom   = 0.8
)

func shorten(message string) string { return investigation.Clip(message, maxMessage) }

// take stores what an answer says.
func take(object *v1alpha1.AIAnalysis, response holmesgpt.Response) {
	status, cause := &object.Status, response.RootCauseAnalysis
	inChain := response.TargetInOwnerChain
	status.InvestigationID = investigation.Clip(response.IncidentID, maxItem)
	status.RootCause = investigation.Clip(cause.Summary, maxText)
	status.RootCauseAnalysis = &v1alpha1.RootCauseAnalysis{
		Summary: status.RootCause, Severity: investigation.Clip(cause.Severity, maxItem),
		SignalType: investigation.Clip(cause.SignalType, maxItem), ContributingFactors: items(cause.ContributingFactors),
	}
	status.SelectedWorkflow = selected(response.SelectedWorkflow)
	status.TargetInOwnerChain = &inChain
	status.Warnings = items(response.Warnings)
	status.NeedsHumanReview = response.NeedsHumanReview
	status.HumanReviewReason = investigation.Clip(string(response.HumanReviewReason), maxItem)
	status.AlternativeWorkflows, status.ValidationAttemptsHistory = nil, nil
	for _, other := range response.AlternativeWorkflows[:min(len(response.AlternativeWorkflows), maxList)] {
		if other.WorkflowID != "" {
			status.AlternativeWorkflows = append(status.AlternativeWorkflows, v1alpha1.AlternativeWorkflow{
				WorkflowID: investigation.Clip(other.WorkflowID, maxItem), Confidence: other.Confidence, Rationale: investigation.Clip(other.Rationale, maxItem),
			})
		}
	}
	for _, attempt := range response.ValidationAttemptsHistory[:min(len(response.ValidationAttemptsHistory), maxList)] {
		at := metav1.NewTime(attempt.Timestamp)
		status.ValidationAttemptsHistory = append(status.ValidationAttemptsHistory, v1alpha1.ValidationAttempt{
			Attempt: int32(attempt.Attempt), WorkflowID: investigation.Clip(attempt.WorkflowID, maxItem), IsValid: attempt.IsValid,
			Errors: items(attempt.Errors), Timestamp: &at,
		})
	}
}

func selected(workflow *holmesgpt.SelectedWorkflow) *v1alpha1.SelectedWorkflow {
	if workflow == nil {
		return nil
	}
	return &v1alpha1.SelectedWorkflow{
		WorkflowID: workflow.WorkflowID, Version: workflow.Version, ContainerImage: workflow.ContainerImage,
		ContainerDigest: workflow.ContainerDigest, Confidence: workflow.Confidence, Parameters: workflow.Parameters,
		Rationale: investigation.Clip(workflow.Rationale, maxText),
	}
}

func items(texts []string) []string {
	var all []string
	for _, text := range texts[:min(len(texts), maxList)] {
		all = append(all, investigation.Clip(text, maxItem))
	}
	return all
}

// judge decides what follows an answer that take has stored. The order matters: a problem that has gone needs neither a
// workflow nor a human, and a workflow about which a human is asked does not run, however sure the model is of it.
func (r *Reconciler) judge(object *v1alpha1.AIAnalysis, response holmesgpt.Response) {
	confidence := surest(response)
	switch {
	case response.SelectedWorkflow == nil && confidence >= r.Limits.Confidence:
		object.Status.NeedsHumanReview, object.Status.HumanReviewReason = false, ""
		finish(object, v1alpha1.AIAnalysisCompleted, reasonNotNeeded, v1alpha1.SubReasonProblemResolved, "the problem has gone: "+object.Status.RootCause)
	case response.NeedsHumanReview:
		review(object, response.HumanReviewReason, subReason(response), "holmesgpt-api asks for a human: "+lastErrors(response))
	case response.SelectedWorkflow == nil:
		review(object, holmesgpt.ReasonNoMatchingWorkflows, v1alpha1.SubReasonNoMatchingWorkflows, "no workflow was found")
	case confidence < r.Limits.Confidence:
		review(object, holmesgpt.ReasonLowConfidence, v1alpha1.SubReasonLowConfidence,
			fmt.Sprintf("the confidence %v is below the threshold %v", confidence, r.Limits.Confidence))
	default:
		enter(object, v1alpha1.AIAnalysisAnalyzing)
	}
}

// surest is the confidence that counts: a workflow is no surer than the investigation that chose it.
func surest(response holmesgpt.Response) float64 {
	if response.SelectedWorkflow == nil {
		return response.Confidence
	}
	return min(response.Confidence, response.SelectedWorkflow.Confidence)
}

// review ends an analysis that a human has to take over.
func review(object *v1alpha1.AIAnalysis, reason holmesgpt.HumanReviewReason, cause v1alpha1.AnalysisSubReason, message string) {
	object.Status.NeedsHumanReview, object.Status.HumanReviewReason = true, investigation.Clip(string(reason), maxItem)
	finish(object, v1alpha1.AIAnalysisFailed, reasonUnresolved, cause, message)
}

// subReason translates holmesgpt-api's reason to ask for a human. Its llm_parsing_error means LLMParsingError while the
// model had attempts left, and MaxRetriesExceeded once every one of them was refused: then the history says more than the
// last refusal. Other reasons stay as precise as they are, however many attempts there were. What is not known is
// inconclusive.
func subReason(response holmesgpt.Response) v1alpha1.AnalysisSubReason {
	switch response.HumanReviewReason {
	case holmesgpt.ReasonWorkflowNotFound:
		return v1alpha1.SubReasonWorkflowNotFound
	case holmesgpt.ReasonImageMismatch:
		return v1alpha1.SubReasonImageMismatch
	case holmesgpt.ReasonParameterValidationFailed:
		return v1alpha1.SubReasonParameterValidationFailed
	case holmesgpt.ReasonNoMatchingWorkflows:
		return v1alpha1.SubReasonNoMatchingWorkflows
	case holmesgpt.ReasonLowConfidence:
		return v1alpha1.SubReasonLowConfidence
	case holmesgpt.ReasonLLMParsingError:
		if refused(response.ValidationAttemptsHistory) >= modelAttempts {
			return v1alpha1.SubReasonMaxRetriesExceeded
		}
		return v1alpha1.SubReasonLLMParsingError
	}
	return v1alpha1.SubReasonInconclusive
}

func refused(history []holmesgpt.ValidationAttempt) (count int) {
	for _, attempt := range history {
		if !attempt.IsValid {
			count++
		}
	}
	return count
}

// lastErrors returns the reason and what was wrong with the last attempt.
func lastErrors(response holmesgpt.Response) string {
	text := string(response.HumanReviewReason)
	if count := len(response.ValidationAttemptsHistory); count > 0 {
		text = strings.Join(append([]string{text}, response.ValidationAttemptsHistory[count-1].Errors...), "; ")
	}
	return text
}

// finish ends an analysis. The count of failed tries stays when it is what ended it.
func finish(object *v1alpha1.AIAnalysis, phase v1alpha1.AIAnalysisPhase, reason string, cause v1alpha1.AnalysisSubReason, message string) {
	failures := object.Status.ConsecutiveFailures
	enter(object, phase)
	if reason == reasonAPIError || reason == reasonTimeout {
		object.Status.ConsecutiveFailures = failures
	}
	status := &object.Status
	status.CompletedAt = status.PhaseStartedAt
	status.Reason, status.SubReason, status.Message = reason, cause, shorten(message)
}

// settleApproval stores the policy's decision, and for a human what it rests on.
func settleApproval(object *v1alpha1.AIAnalysis, decision approval.Decision) {
	status := &object.Status
	reason := shorten(decision.Reason)
	status.ApprovalRequired, status.ApprovalReason, status.ApprovalContext = decision.Required, reason, nil
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: ApprovalDecided, Status: metav1.ConditionTrue, Reason: "PolicyEvaluated", Message: reason, ObservedGeneration: object.Generation,
	})
	if !decision.Required {
		return
	}
	confidence := status.SelectedWorkflow.Confidence
	status.ApprovalContext = &v1alpha1.ApprovalContext{
		Reason: reason, ConfidenceScore: confidence, ConfidenceLevel: level(confidence), InvestigationSummary: status.RootCause,
		WhyApprovalRequired: fmt.Sprintf("the policy %s requires an approval: %s", approval.Package, reason), PolicyHash: decision.PolicyHash,
	}
}

func level(confidence float64) v1alpha1.ConfidenceLevel {
	switch {
	case confidence < mediumFrom:
		return v1alpha1.LowConfidence
	case confidence < highFrom:
		return v1alpha1.MediumConfidence
	default:
		return v1alpha1.HighConfidence
	}
}
