package reconcile

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/workflowexecution/diagnosis"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
)

// follow looks at the execution's Job.
func (r *Reconciler) follow(ctx context.Context, execution *v1alpha1.WorkflowExecution) (ctrl.Result, error) {
	current, err := r.jobOf(ctx, r.API, execution)
	if err != nil {
		return ctrl.Result{}, err
	}
	if current == nil || !job.Owned(current.Annotations, execution) {
		return ctrl.Result{}, r.fail(ctx, execution, diagnosis.Cause{
			Reason:  v1alpha1.FailureUnknown,
			Message: "Job " + job.Name(execution.Spec.TargetResource) + " was deleted before its result was seen",
		})
	}
	observation, err := r.observe(ctx, execution, current)
	if err != nil {
		return ctrl.Result{}, err
	}
	before := execution.DeepCopy()
	told := r.progress(execution, observation)
	switch {
	case observation.Status == diagnosis.Completed:
		return ctrl.Result{}, r.complete(ctx, before, execution, told)
	case observation.Status == diagnosis.Failed:
		return ctrl.Result{}, r.failFrom(ctx, before, execution, observation.Cause, told)
	case observation.Hopeless && r.Now().Sub(stuckSince(execution)) >= r.Grace:
		return ctrl.Result{}, r.failFrom(ctx, before, execution, observation.Cause, told)
	}
	return ctrl.Result{RequeueAfter: r.pause(execution, observation)}, r.write(ctx, before, execution, told...)
}

func (r *Reconciler) observe(ctx context.Context, execution *v1alpha1.WorkflowExecution, current *batchv1.Job) (diagnosis.Observation, error) {
	var pods corev1.PodList
	err := r.API.List(ctx, &pods, client.InNamespace(current.Namespace), client.MatchingLabels{batchv1.ControllerUidLabel: string(current.UID)})
	if err != nil {
		return diagnosis.Observation{}, fmt.Errorf("listing pods of Job %s/%s: %w", current.Namespace, current.Name, err)
	}
	var refusals []string
	if len(pods.Items) == 0 && !diagnosis.Finished(current) {
		if refusals, err = r.refusals(ctx, current); err != nil {
			return diagnosis.Observation{}, err
		}
	}
	return diagnosis.Observe(current, pods.Items, refusals, execution.Status.ExecutionStatus), nil
}

// refusals returns what the Job controller was told when it wanted to create the pod.
func (r *Reconciler) refusals(ctx context.Context, current *batchv1.Job) ([]string, error) {
	var list corev1.EventList
	err := r.API.List(ctx, &list, client.InNamespace(current.Namespace),
		client.MatchingFields{"involvedObject.uid": string(current.UID), "reason": "FailedCreate"})
	if err != nil {
		return nil, fmt.Errorf("listing events of Job %s/%s: %w", current.Namespace, current.Name, err)
	}
	var messages []string
	for _, event := range list.Items {
		messages = append(messages, event.Message)
	}
	return messages, nil
}

// progress notes what was observed, and returns what there is to tell of it.
func (r *Reconciler) progress(execution *v1alpha1.WorkflowExecution, observation diagnosis.Observation) []news {
	status := &v1alpha1.ExecutionStatus{
		Status: observation.Status, Reason: string(observation.Cause.Reason), Message: observation.Cause.Message, TotalTasks: 1,
	}
	if observation.Done() {
		status.CompletedTasks = 1
	}
	execution.Status.ExecutionStatus = status
	if observation.Status == diagnosis.Stuck {
		r.condition(execution, Stuck, metav1.ConditionTrue, status.Reason, status.Message)
	} else {
		meta.RemoveStatusCondition(&execution.Status.Conditions, Stuck)
	}
	if !observation.Started || meta.IsStatusConditionTrue(execution.Status.Conditions, Started) {
		return nil
	}
	r.condition(execution, Started, metav1.ConditionTrue, "ContainerStarted", "the workflow's container has started")
	return []news{{reason: "WorkflowStarted", action: "Execute", note: "the workflow's container has started",
		audit: []names.EventType{names.EventExecutionWorkflowStarted}}}
}

// stuckSince is exact to the second, as times of conditions are.
func stuckSince(execution *v1alpha1.WorkflowExecution) time.Time {
	return meta.FindStatusCondition(execution.Status.Conditions, Stuck).LastTransitionTime.Time
}

// pause: watches tell of Jobs and pods, but not of a grace's end nor of events.
func (r *Reconciler) pause(execution *v1alpha1.WorkflowExecution, observation diagnosis.Observation) time.Duration {
	switch {
	case observation.Hopeless:
		return max(stuckSince(execution).Add(r.Grace).Sub(r.Now()), again/2)
	case observation.Status == diagnosis.Waiting:
		return again
	}
	return longAgain
}

func (r *Reconciler) complete(ctx context.Context, before, execution *v1alpha1.WorkflowExecution, told []news) error {
	r.end(execution, v1alpha1.WorkflowExecutionCompleted)
	execution.Status.NextAllowedExecution = &metav1.Time{Time: execution.Status.CompletionTime.Add(r.Policy.Cooldown).Truncate(time.Second)}
	return r.write(ctx, before, execution, append(told, news{
		reason: "Completed", action: "Complete", note: "the workflow succeeded after " + execution.Status.Duration,
		audit: []names.EventType{names.EventExecutionWorkflowDone},
	})...)
}

func (r *Reconciler) fail(ctx context.Context, execution *v1alpha1.WorkflowExecution, cause diagnosis.Cause) error {
	return r.failFrom(ctx, execution.DeepCopy(), execution, cause, nil)
}

// failFrom ends the execution, whose status may have changes already since before.
func (r *Reconciler) failFrom(ctx context.Context, before, execution *v1alpha1.WorkflowExecution, cause diagnosis.Cause, told []news) error {
	executions, err := r.history(ctx, execution)
	if err != nil {
		return err
	}
	r.end(execution, v1alpha1.WorkflowExecutionFailed)
	status := &execution.Status
	status.FailureReason = cause.Reason
	status.FailureDetails = r.details(execution, cause)
	status.ConsecutiveFailures = lock.Failures(executions, execution.UID) + 1
	status.NextAllowedExecution = r.nextAllowed(executions, execution)
	return r.write(ctx, before, execution, append(told, news{
		kind: corev1.EventTypeWarning, reason: "Failed", action: "Fail", note: string(cause.Reason) + ": " + cause.Message,
		audit: []names.EventType{names.EventExecutionWorkflowFailed},
	})...)
}

// nextAllowed is when the policy would let another execution run; nil when that takes a clearance.
func (r *Reconciler) nextAllowed(executions []v1alpha1.WorkflowExecution, failed *v1alpha1.WorkflowExecution) *metav1.Time {
	verdict := r.Policy.Judge([]v1alpha1.WorkflowExecution{*failed}, "", r.Now())
	if verdict.Until.IsZero() {
		return nil
	}
	return &metav1.Time{Time: verdict.Until.Truncate(time.Second)}
}

func (r *Reconciler) end(execution *v1alpha1.WorkflowExecution, phase v1alpha1.WorkflowExecutionPhase) {
	status := &execution.Status
	status.Phase = phase
	status.CompletionTime = &metav1.Time{Time: r.Now().Truncate(time.Second)}
	meta.RemoveStatusCondition(&status.Conditions, Stuck)
	if status.StartTime != nil {
		status.Duration = max(0, status.CompletionTime.Sub(status.StartTime.Time)).String()
	}
}

func (r *Reconciler) details(execution *v1alpha1.WorkflowExecution, cause diagnosis.Cause) *v1alpha1.FailureDetails {
	details := &v1alpha1.FailureDetails{
		Reason: cause.Reason, Message: cause.Message, ExitCode: cause.ExitCode,
		FailedAt:                   *execution.Status.CompletionTime,
		ExecutionTimeBeforeFailure: execution.Status.Duration,
		WasExecutionFailure:        meta.IsStatusConditionTrue(execution.Status.Conditions, Started) || !cause.Untouched(),
	}
	workflow := execution.Spec.WorkflowRef
	story := fmt.Sprintf("Workflow %s, version %s, failed on %s before it had started", workflow.WorkflowID, workflow.Version, execution.Spec.TargetResource)
	if execution.Status.ExecutionRef != nil {
		details.FailedTaskName, details.FailedStepName = execution.Status.ExecutionRef.Name, job.Container
	}
	if details.WasExecutionFailure {
		story = fmt.Sprintf("Workflow %s, version %s, failed on %s after %s",
			workflow.WorkflowID, workflow.Version, execution.Spec.TargetResource, details.ExecutionTimeBeforeFailure)
	}
	details.NaturalLanguageSummary = story + ": " + cause.Message + "."
	return details
}

// release removes a finished execution's Job when the cool-down is over, which frees the target. There is no cool-down after
// a workflow that never started, nor after a human's clearance.
func (r *Reconciler) release(ctx context.Context, execution *v1alpha1.WorkflowExecution) (ctrl.Result, error) {
	own, err := r.jobOf(ctx, r.Client, execution)
	if err != nil || own == nil || !job.Owned(own.Annotations, execution) {
		return ctrl.Result{}, err
	}
	left := r.Policy.Cooled(execution).Sub(r.Now())
	if left > 0 && !lock.Cleared(execution) {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	return ctrl.Result{}, r.remove(ctx, own)
}
