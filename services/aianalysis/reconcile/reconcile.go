// Package reconcile takes AIAnalyses through their phases: Pending, Investigating, Analyzing, Completed; or Failed.
//
// One reconciliation does all phases that it can. Each ends in a status write of its own, so that a watcher sees every
// phase, and what a phase found is stored by the write that leaves it. A restart goes on with the stored phase.
//
// An investigation is dear: a language model works on it. So a call under way gets some more time when the process is told to
// end, and an answer whose write meets a change by somebody else is written again rather than asked for again. A process that
// is killed leaves the phase Investigating behind, and the next one asks once more.
//
// A try that fails stays in its phase and is repeated after a growing pause, until the phase's time is over; the count of
// tries outlives the process, their pauses do not. A refusal ends the analysis at once.
//
// Events are recorded after the write that they tell about, and only by who wrote it: one audit event per transition, try
// and decision, whose id follows from the object and the occasion. The initial Pending is no transition. The one gap: a
// process that is killed between a write and its events leaves them out. Kubernetes events tell of transitions, too.
//
// While no policies are in force, analyses wait as they are. Finished objects are left alone, and writes of the status alone
// wake nobody.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/kubernaut/kubernaut/services/aianalysis/approval"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/policy"
)

const (
	// workers is the number of analyses under way at a time. They wait for holmesgpt-api nearly all the time.
	workers = 16
	// policyPause is the time between two looks whether policies have come into force.
	policyPause = 2 * time.Second
	// conflictPause follows a write that met another one.
	conflictPause = time.Second
	// callGrace is what a call under way still gets when the process is told to end, and writeTimeout bounds a status write,
	// which that end does not break off. Together they fit into the manager's time to stop, 15 s.
	callGrace    = 8 * time.Second
	writeTimeout = 5 * time.Second
)

// Investigator asks for a root cause and a workflow; *investigation.Client is one.
type Investigator interface {
	Investigate(ctx context.Context, analysis *v1alpha1.AIAnalysis) (holmesgpt.Response, error)
}

// Limits bound an analysis. All are required.
type Limits struct {
	// Confidence is the least confidence, 0 to 1, with which a workflow may run, or a problem counts as resolved.
	Confidence float64
	// RetryBase is the pause after the first failed try in a row; each further one doubles it, up to RetryMax.
	RetryBase, RetryMax time.Duration
	// Investigating and Analyzing bound the phases of analyses that have no limits of their own.
	Investigating, Analyzing time.Duration
}

// Reconciler is safe for concurrent use. All fields are required.
type Reconciler struct {
	// Client reads AIAnalyses, from a cache, and writes their status.
	Client client.Client
	// Reader reads them from the API server itself.
	Reader       client.Reader
	Investigator Investigator
	Approver     approval.Approver
	Policies     policy.Readiness
	Audit        audit.Recorder
	Events       events.EventRecorder
	Metrics      Metrics
	Limits       Limits
}

// Permissions returns what Reconciler does in the cluster.
func Permissions(namespace string) []permission.Rule {
	return []permission.Rule{
		{Namespace: namespace, Group: names.APIGroup, Resource: "aianalyses", Verbs: []string{"get", "list", "watch"}},
		{Namespace: namespace, Group: names.APIGroup, Resource: "aianalyses/status", Verbs: []string{"update"}},
		{Namespace: namespace, Group: "events.k8s.io", Resource: "events", Verbs: []string{"create", "patch"}},
	}
}

// SetUp adds the reconciler to a manager.
func (r *Reconciler) SetUp(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		Named(names.AIAnalysis).
		For(&v1alpha1.AIAnalysis{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// Reconcile takes one object as far as it gets.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var object v1alpha1.AIAnalysis
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
		next := object.DeepCopy()
		start := time.Now()
		found, err := r.work(ctx, next)
		if err != nil {
			return r.settle(ctx, &object, err)
		}
		if err := r.store(ctx, &object, next, time.Since(start), found); err != nil {
			return r.settle(ctx, &object, err)
		}
		object = *next
	}
	return ctrl.Result{}, nil
}

// store writes next, which was made of before, and then records what the write says. A write that the end of the process
// broke off could have had its effect, with nobody to record it.
func (r *Reconciler) store(ctx context.Context, before, next *v1alpha1.AIAnalysis, took time.Duration, found []audit.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	err := r.Client.Status().Update(ctx, next)
	if apierrors.IsConflict(err) {
		err = r.rewrite(ctx, before, next, err)
	}
	if err != nil {
		return &storeError{err}
	}
	from, to := before.Status.Phase, next.Status.Phase
	if from != "" && from != to {
		found = append(found, transition(next, from))
		r.tell(next, from)
	}
	r.Audit.Record(found...)
	r.Metrics.left(from, to, took)
	if to.Terminal() {
		r.Metrics.ended(next.Status)
	}
	return nil
}

// rewrite writes next over a change that left the status as it was, for instance a new label.
func (r *Reconciler) rewrite(ctx context.Context, before, next *v1alpha1.AIAnalysis, conflict error) error {
	var latest v1alpha1.AIAnalysis
	if err := r.Reader.Get(ctx, client.ObjectKeyFromObject(next), &latest); err != nil {
		return err
	}
	if latest.UID != before.UID || latest.DeletionTimestamp != nil || !equality.Semantic.DeepEqual(latest.Status, before.Status) {
		return conflict
	}
	next.ResourceVersion = latest.ResourceVersion
	return r.Client.Status().Update(ctx, next)
}

// storeError is an error of a write: the object's state is not known, so that it must be read again.
type storeError struct{ err error }

func (e *storeError) Error() string { return fmt.Sprintf("writing the status: %v", e.err) }
func (e *storeError) Unwrap() error { return e.err }

// settle decides what follows an error.
func (r *Reconciler) settle(ctx context.Context, object *v1alpha1.AIAnalysis, err error) (ctrl.Result, error) {
	var unstored *storeError
	switch {
	case errors.As(err, &unstored) && apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	case errors.As(err, &unstored) && apierrors.IsNotFound(err): // deleted meanwhile
		return ctrl.Result{}, nil
	case errors.As(err, &unstored), ctx.Err() != nil:
		return ctrl.Result{}, err
	}
	return r.fail(ctx, object, err)
}
