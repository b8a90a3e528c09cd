// Package reconcile takes WorkflowExecutions through their phases: Pending, Running, and Completed or Failed.
//
//	""       the finalizer is set, then → Pending
//	Pending  the specification makes no Job → Failed; the target is busy, cooling down or blocked → stays, and says so in
//	         its condition Blocked; the Job is created → Running
//	Running  the Job succeeds → Completed; it fails, vanishes, or cannot start within the grace → Failed
//	final    the Job stays as the target's lock for the cool-down and is then removed
//
// An execution and its Job are in different namespaces, where owner references do not reach. So the finalizer removes the
// Job of a deleted execution, and watches lead from Jobs and pods back to executions by an annotation.
//
// What decides over starting a Job is read from the API server itself, not from the cache: the Job, and the history of
// the target. Each transition is one status write under an optimistic lock; audit events, Kubernetes events and metrics
// follow it and are lost with it, so that a conflict repeats nothing. An audit event's id follows from the object and the
// event's type, so that a repetition is harmless, too.
//
// A Job is always deleted in the foreground: its name stays taken until its pods have ended.
package reconcile

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
)

const (
	// again is when something is looked at that no watch tells about.
	again = 2 * time.Second
	// longAgain is the longest time between two looks at a target that somebody else holds.
	longAgain = 30 * time.Second
)

// Trail takes audit events; audit.Client is one.
type Trail interface {
	Record(events ...audit.Event)
}

// Reconciler moves one execution a step on. It is safe for concurrent use.
type Reconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// API reads from the API server.
	API client.Reader
	// Template makes the Jobs.
	Template job.Template
	// Policy says how long a target is left alone.
	Policy lock.Policy
	// Grace is how long a Job may be in a state that no waiting cures before its execution fails: a pod without an image, a
	// pod that is refused.
	Grace time.Duration
	// Trail takes the audit events, Events those of Kubernetes.
	Trail  Trail
	Events events.EventRecorder
	// Metrics counts what has ended.
	Metrics *Metrics
	// Now is the clock.
	Now func() time.Time
}

// Reconcile is controller-runtime's. A conflict is no error: the newer object is on its way.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var execution v1alpha1.WorkflowExecution
	if err := r.Client.Get(ctx, request.NamespacedName, &execution); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	result, err := r.step(ctx, &execution)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: again}, nil
	}
	return result, err
}

func (r *Reconciler) step(ctx context.Context, execution *v1alpha1.WorkflowExecution) (ctrl.Result, error) {
	switch phase := execution.Status.Phase; {
	case !execution.DeletionTimestamp.IsZero():
		return r.finalize(ctx, execution)
	case phase.Terminal():
		return r.release(ctx, execution)
	case !controllerutil.ContainsFinalizer(execution, v1alpha1.WorkflowExecutionFinalizer):
		return ctrl.Result{}, r.setFinalizer(ctx, execution)
	case phase == v1alpha1.WorkflowExecutionRunning:
		return r.follow(ctx, execution)
	case phase == v1alpha1.WorkflowExecutionPending:
		return r.start(ctx, execution)
	}
	return ctrl.Result{}, r.accept(ctx, execution)
}

func (r *Reconciler) setFinalizer(ctx context.Context, execution *v1alpha1.WorkflowExecution) error {
	before := execution.DeepCopy()
	controllerutil.AddFinalizer(execution, v1alpha1.WorkflowExecutionFinalizer)
	if err := r.Client.Patch(ctx, execution, optimistic(before)); err != nil {
		return fmt.Errorf("adding the finalizer: %w", err)
	}
	return nil
}

// finalize removes the execution's own Job, waits until it is gone, and lets the execution go.
func (r *Reconciler) finalize(ctx context.Context, execution *v1alpha1.WorkflowExecution) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(execution, v1alpha1.WorkflowExecutionFinalizer) {
		return ctrl.Result{}, nil
	}
	own, err := r.jobOf(ctx, r.API, execution)
	if err != nil {
		return ctrl.Result{}, err
	}
	if own != nil && job.Owned(own.Annotations, execution) {
		return ctrl.Result{RequeueAfter: again}, r.remove(ctx, own)
	}
	before := execution.DeepCopy()
	controllerutil.RemoveFinalizer(execution, v1alpha1.WorkflowExecutionFinalizer)
	if err := r.Client.Patch(ctx, execution, optimistic(before)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("removing the finalizer: %w", err))
	}
	return ctrl.Result{}, nil
}

// jobOf returns the Job under the target's name, whoever owns it; nil when there is none.
func (r *Reconciler) jobOf(ctx context.Context, reader client.Reader, execution *v1alpha1.WorkflowExecution) (*batchv1.Job, error) {
	var found batchv1.Job
	key := client.ObjectKey{Namespace: r.Template.Namespace, Name: job.Name(execution.Spec.TargetResource)}
	err := reader.Get(ctx, key, &found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Job %s: %w", key, err)
	}
	return &found, nil
}

func (r *Reconciler) remove(ctx context.Context, old *batchv1.Job) error {
	if !old.DeletionTimestamp.IsZero() {
		return nil
	}
	err := r.Client.Delete(ctx, old, client.Preconditions{UID: &old.UID}, client.PropagationPolicy(metav1.DeletePropagationForeground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting Job %s/%s: %w", old.Namespace, old.Name, err)
	}
	return nil
}

// history returns all executions of the target as the API server has them.
func (r *Reconciler) history(ctx context.Context, execution *v1alpha1.WorkflowExecution) ([]v1alpha1.WorkflowExecution, error) {
	var list v1alpha1.WorkflowExecutionList
	err := r.API.List(ctx, &list, client.InNamespace(execution.Namespace),
		client.MatchingFields{v1alpha1.TargetResourceField: execution.Spec.TargetResource})
	if err != nil {
		return nil, fmt.Errorf("listing executions on %s: %w", execution.Spec.TargetResource, err)
	}
	return list.Items, nil
}

// optimistic is a merge patch that a newer object refuses.
func optimistic(before client.Object) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}
