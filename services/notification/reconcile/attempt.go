package reconcile

import (
	"context"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/delivery"
	"github.com/kubernaut/kubernaut/services/notification/message"
	"github.com/kubernaut/kubernaut/services/notification/redact"
	"github.com/kubernaut/kubernaut/services/notification/schedule"
)

// maxError bounds an attempt's error in the status, in bytes.
const maxError = 512

// attempt delivers once and returns what the status is to remember. It does not end with ctx.
func (r *Reconciler) attempt(ctx context.Context, request *v1alpha1.NotificationRequest, d schedule.Delivery) v1alpha1.DeliveryAttempt {
	to := ""
	if d.Recipient != nil {
		to = request.Spec.Recipients[*d.Recipient].WebhookURL
	}
	started := r.Now()
	err := r.Sender.Deliver(context.WithoutCancel(ctx), d.Channel, message.New(request), to)
	took := r.Now().Sub(started)
	made := v1alpha1.DeliveryAttempt{
		Channel: d.Channel, Recipient: d.Recipient, Attempt: int32(len(d.Attempts) + 1),
		Timestamp: metav1.NewMicroTime(started), Status: v1alpha1.DeliverySucceeded, DurationSeconds: took.Seconds(),
	}
	if failure := delivery.FailureOf(err); failure != nil {
		made.Status, made.Error = v1alpha1.DeliveryFailed, clip(redact.Text(failure.Error()), maxError)
		// A part of a second counts as a whole one; the schedule's cap is far below the limit.
		made.RetryAfterSeconds = int32(min((failure.RetryAfter+time.Second-1)/time.Second, 1<<30))
		if failure.Permanent {
			made.Status = v1alpha1.DeliveryFailedPermanently
		}
	}
	r.Metrics.attempted(made)
	return made
}

// clip cuts a text to n bytes, in whole characters.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}

// ledger keeps attempts until they are in the status of their object. Its zero value is ready.
type ledger struct {
	mu       sync.Mutex
	attempts map[types.NamespacedName][]v1alpha1.DeliveryAttempt
}

func (l *ledger) add(key types.NamespacedName, attempt v1alpha1.DeliveryAttempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.attempts == nil {
		l.attempts = map[types.NamespacedName][]v1alpha1.DeliveryAttempt{}
	}
	l.attempts[key] = append(l.attempts[key], attempt)
}

func (l *ledger) of(key types.NamespacedName) []v1alpha1.DeliveryAttempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts[key]
}

func (l *ledger) drop(key types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.attempts, key)
}
