package reconcile

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/schedule"
)

// Delivered is the condition of a request: true when all deliveries have arrived, false when one never will.
const Delivered = "Delivered"

// Reasons of a status, and of its condition.
const (
	AllDelivered  = "AllDelivered"
	SomeDelivered = "SomeDelivered"
	NoneDelivered = "NoneDelivered"
	WaitingRetry  = "WaitingForRetry"
)

// maxMessage bounds a status message, in bytes; that of a Kubernetes event may have 1024.
const maxMessage = 1000

func (r *Reconciler) timestamp() *metav1.Time {
	now := metav1.NewTime(r.Now())
	return &now
}

// save writes the attempts that are not in the status yet, and the phase that follows from them.
func (r *Reconciler) save(ctx context.Context, request *v1alpha1.NotificationRequest) error {
	key := client.ObjectKeyFromObject(request)
	made := r.unsaved.of(key)
	if len(made) == 0 {
		return nil
	}
	err := r.write(ctx, request, func(status *v1alpha1.NotificationRequestStatus) {
		for _, attempt := range made {
			if !recorded(status.DeliveryAttempts, attempt) {
				status.DeliveryAttempts = append(status.DeliveryAttempts, attempt)
			}
		}
		r.settle(request, status)
	})
	if err == nil {
		r.unsaved.drop(key)
	}
	return err
}

// recorded reports whether a write that seemed to fail has been stored after all.
func recorded(all []v1alpha1.DeliveryAttempt, one v1alpha1.DeliveryAttempt) bool {
	for _, attempt := range all {
		if attempt.Channel == one.Channel && attempt.Attempt == one.Attempt && equality.Semantic.DeepEqual(attempt.Recipient, one.Recipient) {
			return true
		}
	}
	return false
}

// settle derives counters and phase from the attempts.
func (r *Reconciler) settle(request *v1alpha1.NotificationRequest, status *v1alpha1.NotificationRequestStatus) {
	deliveries := r.deliveries(&v1alpha1.NotificationRequest{Spec: request.Spec, Status: *status})
	count := map[schedule.State]int32{}
	for _, d := range deliveries {
		count[d.State]++
	}
	status.TotalAttempts = int32(len(status.DeliveryAttempts))
	status.SuccessfulDeliveries, status.FailedDeliveries = count[schedule.Delivered], count[schedule.Failed]
	status.Message = clip(troubles(deliveries), maxMessage)
	if count[schedule.Open] > 0 {
		if due, _ := next(deliveries, r.Now()); due == nil {
			status.Phase, status.Reason = v1alpha1.NotificationRetrying, WaitingRetry
		}
		return
	}
	status.CompletionTime = r.timestamp()
	condition := metav1.ConditionFalse
	switch {
	case count[schedule.Failed] == 0:
		status.Phase, status.Reason, condition = v1alpha1.NotificationSent, AllDelivered, metav1.ConditionTrue
		status.Message = fmt.Sprintf("%d of %d delivered", len(deliveries), len(deliveries))
	case count[schedule.Delivered] == 0:
		status.Phase, status.Reason = v1alpha1.NotificationFailed, NoneDelivered
	default:
		status.Phase, status.Reason = v1alpha1.NotificationPartiallySent, SomeDelivered
	}
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: Delivered, Status: condition, Reason: status.Reason, Message: status.Message,
		ObservedGeneration: request.Generation, LastTransitionTime: *status.CompletionTime,
	})
}

// troubles lists the deliveries whose last attempt has failed, each with its error.
func troubles(deliveries []schedule.Delivery) string {
	var lines []string
	for _, d := range deliveries {
		if last := d.Last(); last != nil && d.State != schedule.Delivered {
			lines = append(lines, fmt.Sprintf("%s, attempt %d: %s", label(d), last.Attempt, last.Error))
		}
	}
	return strings.Join(lines, "; ")
}

// label names a delivery: its channel, and its recipient's position if it has one.
func label(d schedule.Delivery) string {
	if d.Recipient == nil {
		return string(d.Channel)
	}
	return fmt.Sprintf("%s[%d]", d.Channel, *d.Recipient)
}

// write stores what change makes of the status, if that differs, and then tells of it. It does not end with ctx.
func (r *Reconciler) write(ctx context.Context, request *v1alpha1.NotificationRequest, change func(*v1alpha1.NotificationRequestStatus)) error {
	before := request.DeepCopy()
	change(&request.Status)
	if equality.Semantic.DeepEqual(before.Status, request.Status) {
		return nil
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(bounded, request, patch); err != nil {
		return fmt.Errorf("writing the status of notification request %s: %w", request.Name, err)
	}
	r.tell(before, request)
	return nil
}

// tell follows a status write: a Kubernetes event of a new phase, an audit event and a count of each final result.
func (r *Reconciler) tell(before, after *v1alpha1.NotificationRequest) {
	phase := after.Status.Phase
	if before.Status.Phase != phase {
		r.Events.Eventf(after, nil, eventType(phase), string(phase), "Deliver", "%s", note(after))
	}
	old := r.deliveries(before)
	for i, d := range r.deliveries(after) {
		if old[i].State != d.State {
			r.Metrics.ended(d)
			r.Trail.Record(result(after, d))
		}
	}
	if before.Status.Phase != phase && after.Spec.Type == v1alpha1.Escalation &&
		(phase == v1alpha1.NotificationSent || phase == v1alpha1.NotificationPartiallySent) {
		r.Trail.Record(escalated(after))
	}
}

func eventType(phase v1alpha1.NotificationPhase) string {
	switch phase {
	case v1alpha1.NotificationRetrying, v1alpha1.NotificationPartiallySent, v1alpha1.NotificationFailed:
		return corev1.EventTypeWarning
	}
	return corev1.EventTypeNormal
}

func note(request *v1alpha1.NotificationRequest) string {
	if request.Status.Message != "" {
		return request.Status.Message
	}
	return "the message is " + strings.ToLower(string(request.Status.Phase))
}
