package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/children"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/routing"
)

// accept takes note of a new request.
func (r *Reconciler) accept(ctx context.Context, request *v1alpha1.RemediationRequest) error {
	return r.move(ctx, request, v1alpha1.Pending, "accepted", nil, nil)
}

// begin starts the work, unless the signal has to wait.
func (r *Reconciler) begin(ctx context.Context, request *v1alpha1.RemediationRequest) (time.Time, error) {
	block, err := r.Router.BeforeWork(ctx, request)
	if err != nil {
		return time.Time{}, err
	}
	if block != nil {
		return r.block(ctx, request, block, nil)
	}
	child := children.SignalProcessing(request)
	if err := r.create(ctx, request, child); err != nil {
		return time.Time{}, err
	}
	return time.Time{}, r.move(ctx, request, v1alpha1.Processing, "the signal is being processed", nil, func(status *v1alpha1.RemediationRequestStatus) {
		status.StartTime, status.ProcessingStartTime = r.now(), r.now()
		status.SignalProcessingRef = reference(v1alpha1.SignalProcessingKind, child)
	})
}

// process waits for the signal's context and asks for its analysis.
func (r *Reconciler) process(ctx context.Context, request *v1alpha1.RemediationRequest) error {
	var processed v1alpha1.SignalProcessing
	if err := r.child(ctx, request, names.SignalProcessingName(request.Name), &processed); err != nil {
		return err
	}
	switch processed.Status.Phase {
	case v1alpha1.SignalProcessingFailed:
		return failure{reason: "SignalProcessingFailed", message: cmp.Or(processed.Status.Error, "the signal could not be processed")}
	case v1alpha1.SignalProcessingCompleted:
	default:
		return nil
	}
	child := children.AIAnalysis(request, &processed)
	if err := r.create(ctx, request, child); err != nil {
		return err
	}
	return r.move(ctx, request, v1alpha1.Analyzing, "the root cause is being looked for", nil, func(status *v1alpha1.RemediationRequestStatus) {
		status.AnalyzingStartTime = r.now()
		status.AIAnalysisRef = reference(v1alpha1.AIAnalysisKind, child)
	})
}

// analyze waits for the analysis and does what it says.
func (r *Reconciler) analyze(ctx context.Context, request *v1alpha1.RemediationRequest) (time.Time, error) {
	analysis, err := r.analysis(ctx, request)
	if err != nil {
		return time.Time{}, err
	}
	status := analysis.Status
	switch {
	case status.Phase == v1alpha1.AIAnalysisFailed:
		reason := cmp.Or(string(status.SubReason), status.Reason, "AnalysisFailed")
		message := cmp.Or(status.Message, status.HumanReviewReason, "the analysis failed")
		return time.Time{}, failure{reason: reason, message: message, review: status.NeedsHumanReview}
	case status.Phase != v1alpha1.AIAnalysisCompleted:
		return time.Time{}, nil
	case status.SubReason == v1alpha1.SubReasonProblemResolved:
		return time.Time{}, r.complete(ctx, request, v1alpha1.NoActionRequired, "the problem is gone: "+cmp.Or(status.Message, status.RootCause, "no action is required"), nil)
	case status.NeedsHumanReview:
		reason := cmp.Or(string(status.SubReason), "HumanReviewNeeded")
		return time.Time{}, failure{reason: reason, message: cmp.Or(status.HumanReviewReason, status.Message, "the analysis asks for a human"), review: true}
	case status.SelectedWorkflow == nil:
		return time.Time{}, failure{reason: "NoWorkflowSelected", message: "the analysis has completed without a workflow", review: true}
	case status.ApprovalRequired:
		return time.Time{}, r.ask(ctx, request, analysis)
	default:
		return r.run(ctx, request, analysis, nil)
	}
}

func (r *Reconciler) analysis(ctx context.Context, request *v1alpha1.RemediationRequest) (*v1alpha1.AIAnalysis, error) {
	var analysis v1alpha1.AIAnalysis
	err := r.child(ctx, request, names.AIAnalysisName(request.Name), &analysis)
	return &analysis, err
}

// run starts the selected workflow, unless signal or target have to wait. approval is the one that allowed it, or nil.
func (r *Reconciler) run(ctx context.Context, request *v1alpha1.RemediationRequest, analysis *v1alpha1.AIAnalysis, approval *v1alpha1.RemediationApprovalRequest) (time.Time, error) {
	child := children.WorkflowExecution(request, analysis, r.Limits.of(request).Executing)
	wanted := routing.Execution{Target: child.Spec.TargetResource, WorkflowID: child.Spec.WorkflowRef.WorkflowID}
	block, err := r.Router.BeforeExecution(ctx, request, wanted)
	if err != nil {
		return time.Time{}, err
	}
	if block != nil {
		return r.block(ctx, request, block, approval)
	}
	if err := r.create(ctx, request, child); err != nil {
		return time.Time{}, err
	}
	message := fmt.Sprintf("workflow %s runs on %s", wanted.WorkflowID, wanted.Target)
	return time.Time{}, r.move(ctx, request, v1alpha1.Executing, message, approval, func(status *v1alpha1.RemediationRequestStatus) {
		status.ExecutingStartTime = r.now()
		status.WorkflowExecutionRef = reference(v1alpha1.WorkflowExecutionKind, child)
	})
}

// execute waits for the workflow.
func (r *Reconciler) execute(ctx context.Context, request *v1alpha1.RemediationRequest) error {
	var execution v1alpha1.WorkflowExecution
	if err := r.child(ctx, request, names.WorkflowExecutionName(request.Name), &execution); err != nil {
		return err
	}
	switch execution.Status.Phase {
	case v1alpha1.WorkflowExecutionFailed:
		return executionFailure(execution.Status)
	case v1alpha1.WorkflowExecutionCompleted:
		message := fmt.Sprintf("workflow %s has completed", execution.Spec.WorkflowRef.WorkflowID)
		return r.complete(ctx, request, v1alpha1.Remediated, message, children.Completion(request, &execution))
	}
	return nil
}

// executionFailure asks for a review unless it is known that the target was not touched.
func executionFailure(status v1alpha1.WorkflowExecutionStatus) failure {
	failed := failure{reason: cmp.Or(string(status.FailureReason), string(v1alpha1.FailureUnknown)), message: "the workflow failed", review: true}
	if details := status.FailureDetails; details != nil {
		failed.message = cmp.Or(details.NaturalLanguageSummary, details.Message, failed.message)
		failed.review = details.WasExecutionFailure
	}
	return failed
}

// retry looks whether a blocked request may go on, from where it was stopped.
func (r *Reconciler) retry(ctx context.Context, request *v1alpha1.RemediationRequest) (time.Time, error) {
	if limit := r.Limits.deadline(request); !limit.IsZero() && !limit.After(r.Now()) {
		return time.Time{}, nil // too late to go on: the caller times it out
	}
	if request.Status.AIAnalysisRef == nil {
		return r.begin(ctx, request)
	}
	analysis, err := r.analysis(ctx, request)
	if err != nil {
		return time.Time{}, err
	}
	if analysis.Status.SelectedWorkflow == nil {
		return time.Time{}, failure{reason: "NoWorkflowSelected", message: "the analysis no longer holds a workflow", review: true}
	}
	return r.run(ctx, request, analysis, nil)
}

// block lets a request wait. A wait for another object has no known end: its time says when the request looks again.
func (r *Reconciler) block(ctx context.Context, request *v1alpha1.RemediationRequest, block *routing.Block, approval *v1alpha1.RemediationApprovalRequest) (time.Time, error) {
	status := request.Status
	same := status.OverallPhase == v1alpha1.Blocked && status.BlockReason == block.Reason && status.BlockMessage == block.Message && status.BlockedUntil != nil
	until := block.Until
	if until.IsZero() {
		until = r.Now().Add(r.Limits.Recheck)
		if same && status.BlockedUntil.After(r.Now()) {
			return status.BlockedUntil.Time, nil
		}
	}
	// The API stores whole seconds. Rounding up keeps the request from looking before the wait is over.
	until = until.Add(time.Second - 1).Truncate(time.Second)
	if same && status.BlockedUntil.Time.Equal(until) {
		return until, nil
	}
	err := r.move(ctx, request, v1alpha1.Blocked, block.Reason+": "+block.Message, approval, func(status *v1alpha1.RemediationRequestStatus) {
		status.BlockReason, status.BlockMessage, status.BlockedUntil = block.Reason, block.Message, timestamp(until)
		status.DuplicateOf, status.ConsecutiveFailureCount = block.DuplicateOf, block.Failures
	})
	return until, err
}
