// Package reconcile takes NotificationRequests through their phases.
//
//	""        → Pending
//	Pending   → Sending
//	Sending   every delivery that is due is tried, one after the other, and each try is written to the status at once
//	Retrying  no delivery is due, some are left: until the earliest of them
//	final     Sent: all deliveries arrived; PartiallySent: some did; Failed: none did. Nothing is sent any more, and after
//	          retentionDays the object is deleted
//
// What is left follows from the attempts in the status (package schedule), so that a restart goes on where it was. An object
// that is not final is read from the API server, not from the cache, which may lack the attempt that was just written. Attempts
// whose write fails are kept and written before anything else is tried. So a delivery that has succeeded is repeated in one case
// alone: the process dies between the receiver's answer and the write. That is at-least-once, as far as it can be narrowed.
//
// Audit: notification.message.sent or .failed for each delivery's final result, and .escalated when an escalation has reached
// somebody (Sent or PartiallySent). This service never records .acknowledged, because nobody answers to it: that a human has
// read and removed a message is authwebhook's to record. Audit events, Kubernetes events and metrics follow the status write
// that they tell of, and an audit event's id follows from object and delivery, so that a repetition is harmless.
package reconcile

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/notification/message"
	"github.com/kubernaut/kubernaut/services/notification/schedule"
)

const (
	// workers is how many requests are delivered at once; most of their time is waiting for receivers.
	workers = 16
	// afterConflict is when an object that somebody else has changed is looked at again.
	afterConflict = time.Second
	// writeTimeout bounds a status write, which goes on when the process is asked to stop.
	writeTimeout = 5 * time.Second
	// defaultRetention is the schema's default.
	defaultRetention = 7
)

// Sender brings a message to a channel; delivery.Channels is one.
type Sender interface {
	Deliver(ctx context.Context, channel v1alpha1.Channel, m message.Message, to string) error
}

// Trail takes audit events; audit.Client is one.
type Trail interface {
	Record(events ...audit.Event)
}

// Reconciler delivers NotificationRequests. It is safe for concurrent use.
type Reconciler struct {
	// Client reads from the cache and writes; API reads from the API server.
	Client client.Client
	API    client.Reader
	// Sender delivers. A try must end by itself: it is not broken off when the process is asked to stop, because the receiver
	// may have the message already.
	Sender Sender
	// Defaults are the channels of a request that names none.
	Defaults []v1alpha1.Channel
	// Trail takes the audit events, Events those of Kubernetes.
	Trail  Trail
	Events events.EventRecorder
	// Metrics count attempts and deliveries.
	Metrics *Metrics
	// Now is the clock.
	Now func() time.Time

	unsaved ledger
}

// Watch has the manager call r for each new request, and for all at its start. Status writes call for nothing: what is left to
// do is asked for by its time.
func (r *Reconciler) Watch(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		Named(names.Notification).
		For(&v1alpha1.NotificationRequest{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// Reconcile is controller-runtime's. A conflict is no error: the newer object is read next.
func (r *Reconciler) Reconcile(ctx context.Context, key ctrl.Request) (ctrl.Result, error) {
	var request v1alpha1.NotificationRequest
	err := r.Client.Get(ctx, key.NamespacedName, &request)
	// A final phase stays, even in an old copy.
	if err == nil && !request.Status.Phase.Terminal() {
		err = r.API.Get(ctx, key.NamespacedName, &request)
	}
	if apierrors.IsNotFound(err) {
		r.unsaved.drop(key.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("reading notification request %s: %w", key, err)
	}
	if !request.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	next, err := r.advance(ctx, &request)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: afterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: next}, client.IgnoreNotFound(err)
}

// advance does all that is due and returns how long to wait for the rest; 0 means forever.
func (r *Reconciler) advance(ctx context.Context, request *v1alpha1.NotificationRequest) (time.Duration, error) {
	if err := r.save(ctx, request); err != nil {
		return 0, err
	}
	for !request.Status.Phase.Terminal() {
		now := r.Now()
		due, wait := next(r.deliveries(request), now)
		if due == nil {
			return max(wait, time.Millisecond), nil
		}
		if err := r.begin(ctx, request); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("stopping before the next delivery: %w", err)
		}
		r.unsaved.add(client.ObjectKeyFromObject(request), r.attempt(ctx, request, *due))
		if err := r.save(ctx, request); err != nil {
			return 0, err
		}
	}
	return r.retain(ctx, request)
}

func (r *Reconciler) deliveries(request *v1alpha1.NotificationRequest) []schedule.Delivery {
	return schedule.Of(request, r.Defaults)
}

// next returns a delivery that is due, else how long it takes until one is.
func next(deliveries []schedule.Delivery, now time.Time) (due *schedule.Delivery, wait time.Duration) {
	for i, d := range deliveries {
		if d.State != schedule.Open {
			continue
		}
		left := d.Due.Sub(now)
		if left <= 0 {
			return &deliveries[i], 0
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return nil, wait
}

// begin takes a request that something is due for to Sending, a new one by way of Pending.
func (r *Reconciler) begin(ctx context.Context, request *v1alpha1.NotificationRequest) error {
	if request.Status.Phase == "" {
		if err := r.write(ctx, request, func(status *v1alpha1.NotificationRequestStatus) {
			status.Phase, status.QueuedAt = v1alpha1.NotificationPending, r.timestamp()
		}); err != nil {
			return err
		}
	}
	return r.write(ctx, request, func(status *v1alpha1.NotificationRequestStatus) {
		status.Phase = v1alpha1.NotificationSending
		if status.ProcessingStartedAt == nil {
			status.ProcessingStartedAt = r.timestamp()
		}
	})
}

// retain deletes a finished request when its time is over, and returns how long that is until then.
func (r *Reconciler) retain(ctx context.Context, request *v1alpha1.NotificationRequest) (time.Duration, error) {
	days := request.Spec.RetentionDays
	if days == 0 {
		days = defaultRetention
	}
	end := request.CreationTimestamp
	if request.Status.CompletionTime != nil {
		end = *request.Status.CompletionTime
	}
	if left := end.AddDate(0, 0, int(days)).Sub(r.Now()); left > 0 {
		return left, nil
	}
	if err := r.Client.Delete(ctx, request, client.Preconditions{UID: &request.UID}); client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("deleting notification request %s after %d days: %w", request.Name, days, err)
	}
	return 0, nil
}
