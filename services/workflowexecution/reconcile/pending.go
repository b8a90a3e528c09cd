package reconcile

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/workflowexecution/diagnosis"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
)

func (r *Reconciler) accept(ctx context.Context, execution *v1alpha1.WorkflowExecution) error {
	before := execution.DeepCopy()
	execution.Status.Phase = v1alpha1.WorkflowExecutionPending
	return r.write(ctx, before, execution, news{
		reason: "Pending", action: "Accept", note: "workflow " + execution.Spec.WorkflowRef.WorkflowID + " is to run on " + execution.Spec.TargetResource,
		audit: []names.EventType{names.EventSelectionCompleted},
	})
}

// start creates the Job, unless something is in the way. A Job of its own is there already when the process ended between
// creating it and saying so.
func (r *Reconciler) start(ctx context.Context, execution *v1alpha1.WorkflowExecution) (ctrl.Result, error) {
	wanted, err := r.Template.Job(execution)
	if err != nil {
		cause := diagnosis.Cause{Reason: v1alpha1.FailureConfigurationError, Message: err.Error()}
		return ctrl.Result{}, r.fail(ctx, execution, cause)
	}
	existing, err := r.jobOf(ctx, r.API, execution)
	if err != nil {
		return ctrl.Result{}, err
	}
	if existing != nil && job.Owned(existing.Annotations, execution) {
		return ctrl.Result{}, r.run(ctx, execution, existing)
	}
	executions, err := r.history(ctx, execution)
	if err != nil {
		return ctrl.Result{}, err
	}
	if stale(executions, execution) {
		return ctrl.Result{RequeueAfter: again}, nil
	}
	verdict := r.Policy.Judge(executions, execution.UID, r.Now())
	if verdict.Reason == "" && existing != nil {
		verdict = busy(existing)
	}
	if verdict.Reason != "" {
		return r.wait(ctx, execution, verdict)
	}
	return r.create(ctx, execution, wanted)
}

// stale reports whether the cache is behind the list that the API server has just given.
func stale(executions []v1alpha1.WorkflowExecution, cached *v1alpha1.WorkflowExecution) bool {
	for _, listed := range executions {
		if listed.UID == cached.UID {
			return listed.ResourceVersion != cached.ResourceVersion
		}
	}
	return true
}

func busy(existing *batchv1.Job) lock.Verdict {
	owner := existing.Annotations[job.ExecutionAnnotation]
	if owner == "" {
		owner = "somebody else"
	}
	return lock.Verdict{Reason: lock.TargetBusy, Message: fmt.Sprintf("Job %s of %s holds the target", existing.Name, owner)}
}

func (r *Reconciler) create(ctx context.Context, execution *v1alpha1.WorkflowExecution, wanted *batchv1.Job) (ctrl.Result, error) {
	err := r.Client.Create(ctx, wanted)
	switch {
	case apierrors.IsAlreadyExists(err):
		return ctrl.Result{RequeueAfter: again}, nil
	case diagnosis.Final(err):
		return ctrl.Result{}, r.fail(ctx, execution, diagnosis.Refused(err.Error()))
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("creating Job %s/%s: %w", wanted.Namespace, wanted.Name, err)
	}
	return ctrl.Result{}, r.run(ctx, execution, wanted)
}

func (r *Reconciler) run(ctx context.Context, execution *v1alpha1.WorkflowExecution, running *batchv1.Job) error {
	before := execution.DeepCopy()
	status := &execution.Status
	status.Phase = v1alpha1.WorkflowExecutionRunning
	status.StartTime = &metav1.Time{Time: r.Now().Truncate(time.Second)}
	status.NextAllowedExecution = nil
	status.ExecutionRef = &v1alpha1.ObjectReference{
		APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job", Name: running.Name, Namespace: running.Namespace, UID: string(running.UID),
	}
	status.ExecutionStatus = &v1alpha1.ExecutionStatus{Status: diagnosis.Waiting, TotalTasks: 1}
	if meta.FindStatusCondition(status.Conditions, Blocked) != nil {
		r.condition(execution, Blocked, metav1.ConditionFalse, "Free", "the target was free")
	}
	return r.write(ctx, before, execution, news{
		reason: "Running", action: "Execute", note: "Job " + running.Name + " runs workflow " + execution.Spec.WorkflowRef.WorkflowID,
		audit: []names.EventType{names.EventExecutionStarted},
	})
}

// wait says why the execution stays Pending, and comes back when that may have ended.
func (r *Reconciler) wait(ctx context.Context, execution *v1alpha1.WorkflowExecution, verdict lock.Verdict) (ctrl.Result, error) {
	before := execution.DeepCopy()
	execution.Status.NextAllowedExecution = nil
	pause := longAgain
	if !verdict.Until.IsZero() {
		execution.Status.NextAllowedExecution = &metav1.Time{Time: verdict.Until.Truncate(time.Second)}
		pause = max(verdict.Until.Sub(r.Now()), again/2)
	}
	var told []news
	if known := meta.FindStatusCondition(execution.Status.Conditions, Blocked); known == nil || known.Reason != verdict.Reason {
		told = append(told, news{kind: corev1.EventTypeWarning, reason: verdict.Reason, action: "Wait", note: verdict.Message})
	}
	r.condition(execution, Blocked, metav1.ConditionTrue, verdict.Reason, verdict.Message)
	return ctrl.Result{RequeueAfter: pause}, r.write(ctx, before, execution, told...)
}
