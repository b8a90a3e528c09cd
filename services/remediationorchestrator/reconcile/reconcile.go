// Package reconcile drives RemediationRequests from phase to phase.
//
// The phases are Pending, Processing, Analyzing, AwaitingApproval when a human must agree, Executing and Completed. Each
// step makes the next child first and writes the status after it: a lost status write repeats the step, which finds its
// child there. Status writes carry the version that they were made from, so that two never overlap and the gateway's count
// of occurrences, which lives in the same status, is never overwritten.
//
// Policy, where the resources leave it open:
//   - A result counts even when it comes late; only a phase without one times out. A request's own timeoutConfig goes
//     before the settings.
//   - Time before the first work does not count: a request that waits in Blocked for a cool-down has all its time when it
//     starts. One that is blocked before its workflow runs goes on counting, because an old analysis is no ground to act on.
//   - While a human is asked there is no timeout. The question expires, at the latest when the request's time is over, and
//     the request fails.
//   - A blocked request goes on by itself once nothing blocks it any more.
//   - A child that somebody has deleted ends its request as Failed. It is not made again: a workflow would run twice.
//   - Humans review what an analysis could not solve, a child that the schema refused, what a failed workflow has touched, and
//     what was still running at its time limit.
//   - Finished requests are left alone. Phases Skipped and Cancelled are for humans to write, and are final.
//
// Not a goal: stopping children. Their own time limits end them.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/journal"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/routing"
)

// conflictDelay lets the cache catch up with whoever won a race for the status.
const conflictDelay = 50 * time.Millisecond

// Reconciler works on one request at a time. All fields are required.
type Reconciler struct {
	// Client reads from a cache, Direct does not.
	Client  client.Client
	Direct  client.Reader
	Scheme  *runtime.Scheme
	Limits  Limits
	Router  routing.Router
	Journal *journal.Journal
	// Now is the clock.
	Now func() time.Time
}

// Reconcile takes a request one step further, if there is one to take.
func (r *Reconciler) Reconcile(ctx context.Context, key ctrl.Request) (ctrl.Result, error) {
	var request v1alpha1.RemediationRequest
	if err := r.Client.Get(ctx, key.NamespacedName, &request); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if request.DeletionTimestamp != nil || request.Status.OverallPhase.Terminal() {
		return ctrl.Result{}, nil
	}
	wake, err := r.step(ctx, &request)
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil // deleted meanwhile; the garbage collector takes the child that was just made
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("remediating %q in phase %q: %w", request.Name, request.Status.OverallPhase, err)
	case wake.IsZero():
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(wake.Sub(r.Now()), conflictDelay)}, nil
}

// step returns when to look again even if nothing changes; zero means never.
func (r *Reconciler) step(ctx context.Context, request *v1alpha1.RemediationRequest) (time.Time, error) {
	phase := request.Status.OverallPhase
	wake, err := r.work(ctx, request)
	var failed failure
	if errors.As(err, &failed) {
		err = r.fail(ctx, request, failed)
	}
	if err != nil || request.Status.OverallPhase != phase {
		return time.Time{}, err // a change of the status comes back as an event
	}
	limit := r.Limits.deadline(request)
	if !limit.IsZero() && !limit.After(r.Now()) {
		return time.Time{}, r.timeOut(ctx, request)
	}
	return earliest(wake, limit), nil
}

// work does a phase's own part.
func (r *Reconciler) work(ctx context.Context, request *v1alpha1.RemediationRequest) (time.Time, error) {
	switch request.Status.OverallPhase {
	case "":
		return time.Time{}, r.accept(ctx, request)
	case v1alpha1.Pending:
		return r.begin(ctx, request)
	case v1alpha1.Processing:
		return time.Time{}, r.process(ctx, request)
	case v1alpha1.Analyzing:
		return r.analyze(ctx, request)
	case v1alpha1.AwaitingApproval:
		return r.await(ctx, request)
	case v1alpha1.Executing:
		return time.Time{}, r.execute(ctx, request)
	case v1alpha1.Blocked:
		return r.retry(ctx, request)
	}
	return time.Time{}, nil
}

func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, at := range times {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// now is the present as the API stores it.
func (r *Reconciler) now() *metav1.Time {
	at := metav1.NewTime(r.Now())
	return &at
}
