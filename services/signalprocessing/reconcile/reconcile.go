// Package reconcile takes SignalProcessings through their phases: Pending, Enriching, Classifying, Categorizing, Completed;
// or Failed.
//
// One reconciliation does all phases that it can. Each ends in a status write of its own, so that a watcher sees every
// phase, and what a phase found is stored by the write that leaves it. A restart goes on with the stored phase. Writes
// carry the version that was read: of two writers one gets a conflict and looks again.
//
// A transition is recorded after its write, and only by who wrote it: one audit event each, whose id follows from
// the object and the transition. The initial Pending is no transition. The one gap: a process that is killed between a write
// and its event leaves the event out.
//
// While no policies are in force, signals wait as they are. A failed question to the policies is asked again, with growing
// pauses, since policies can be mended; after MaxFailures tries the signal is Failed. Finished objects are left alone, and
// writes of the status alone wake nobody.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/policy"
	"github.com/kubernaut/kubernaut/services/signalprocessing/classification"
	"github.com/kubernaut/kubernaut/services/signalprocessing/enrichment"
)

const (
	// workers is the number of signals under way at a time. They wait for the API server most of the time.
	workers = 8
	// policyPause is the time between two looks whether policies have come into force.
	policyPause = 2 * time.Second
	// firstPause follows the first failure; each further one doubles it, up to lastPause.
	firstPause = time.Second
	lastPause  = 30 * time.Second
	// writeTimeout bounds a status write, which the end of the process does not break off.
	writeTimeout = 5 * time.Second
)

// Reconciler is safe for concurrent use. All fields are required.
type Reconciler struct {
	// Client reads SignalProcessings, from a cache, and writes their status.
	Client     client.Client
	Enricher   enrichment.Enricher
	Classifier classification.Classifier
	Policies   policy.Readiness
	Audit      audit.Recorder
	Metrics    Metrics
	// MaxFailures is the number of failed tries in a row after which a signal is Failed.
	MaxFailures int32
}

// Permissions returns what Reconciler does with SignalProcessings.
func Permissions(namespace string) []permission.Rule {
	return []permission.Rule{
		{Namespace: namespace, Group: names.APIGroup, Resource: "signalprocessings", Verbs: []string{"list", "watch"}},
		{Namespace: namespace, Group: names.APIGroup, Resource: "signalprocessings/status", Verbs: []string{"update"}},
	}
}

// SetUp adds the reconciler to a manager.
func (r *Reconciler) SetUp(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		Named(names.SignalProcessing).
		For(&v1alpha1.SignalProcessing{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// Reconcile takes one object as far as it gets.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var object v1alpha1.SignalProcessing
	if err := r.Client.Get(ctx, request.NamespacedName, &object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.DeletionTimestamp != nil || object.Status.Phase.Terminal() {
		return ctrl.Result{}, nil
	}
	if r.Policies.Ready() != nil {
		return ctrl.Result{RequeueAfter: policyPause}, nil
	}
	for !object.Status.Phase.Terminal() {
		next, err := r.advance(ctx, object)
		if err != nil {
			return r.settle(ctx, object, err)
		}
		object = next
	}
	return ctrl.Result{}, nil
}

// advance does the object's phase and returns the object as it was stored then.
func (r *Reconciler) advance(ctx context.Context, object v1alpha1.SignalProcessing) (v1alpha1.SignalProcessing, error) {
	next := *object.DeepCopy()
	start := time.Now()
	found, err := r.work(ctx, &next)
	if err == nil && ctx.Err() != nil {
		err = ctx.Err() // what was found under an ended context is worth nothing
	}
	if err != nil {
		return object, err
	}
	next.Status.ConsecutiveFailures, next.Status.LastFailureTime, next.Status.Error = 0, nil, ""
	return next, r.store(ctx, &next, object.Status.Phase, time.Since(start), found)
}

// store writes the status and then records what the write says. A write that the end of the process broke off could have
// had its effect, with nobody to record it.
func (r *Reconciler) store(ctx context.Context, next *v1alpha1.SignalProcessing, from v1alpha1.SignalProcessingPhase, took time.Duration, found []audit.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := r.Client.Status().Update(ctx, next); err != nil {
		return &storeError{err}
	}
	if from != "" && from != next.Status.Phase {
		found = append(found, transition(next, from))
	}
	r.Audit.Record(found...)
	r.Metrics.left(from, next.Status.Phase, took)
	return nil
}

// storeError is an error of a write: the object's state is not known, so that it must be read again.
type storeError struct{ err error }

func (e *storeError) Error() string { return fmt.Sprintf("writing the status: %v", e.err) }
func (e *storeError) Unwrap() error { return e.err }

// settle decides what follows an error.
func (r *Reconciler) settle(ctx context.Context, object v1alpha1.SignalProcessing, err error) (ctrl.Result, error) {
	var unstored *storeError
	switch {
	case apierrors.IsConflict(err), errors.Is(err, classification.ErrPoliciesChanged):
		return ctrl.Result{RequeueAfter: firstPause}, nil
	case errors.As(err, &unstored) && apierrors.IsNotFound(err): // deleted meanwhile
		return ctrl.Result{}, nil
	case errors.As(err, &unstored), ctx.Err() != nil:
		return ctrl.Result{}, err
	}
	return r.fail(ctx, object, err)
}

// fail counts a failed try.
func (r *Reconciler) fail(ctx context.Context, object v1alpha1.SignalProcessing, cause error) (ctrl.Result, error) {
	next := object.DeepCopy()
	now := metav1.Now()
	status := &next.Status
	status.ConsecutiveFailures++
	status.LastFailureTime, status.Error = &now, cause.Error()
	pause := pauseAfter(status.ConsecutiveFailures)
	if status.ConsecutiveFailures >= r.MaxFailures {
		status.Phase, status.CompletionTime, pause = v1alpha1.SignalProcessingFailed, &now, 0
	}
	if err := r.store(ctx, next, object.Status.Phase, 0, []audit.Event{failure(next, object.Status.Phase, cause)}); err != nil {
		return ctrl.Result{}, err
	}
	ctrl.LoggerFrom(ctx).Error(cause, "signal not processed", "phase", object.Status.Phase, "failures", status.ConsecutiveFailures)
	return ctrl.Result{RequeueAfter: pause}, nil
}

func pauseAfter(failures int32) time.Duration {
	pause := firstPause
	for range failures - 1 {
		pause = min(2*pause, lastPause)
	}
	return pause
}
