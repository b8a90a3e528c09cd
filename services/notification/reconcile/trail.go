package reconcile

import (
	"time"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/notification/message"
	"github.com/kubernaut/kubernaut/services/notification/schedule"
)

// result is the audit event of a delivery that has ended. The message itself stays out of the trail.
func result(request *v1alpha1.NotificationRequest, d schedule.Delivery) audit.Event {
	last := d.Last()
	kind, action, outcome := names.EventMessageSent, "send", names.OutcomeSuccess
	if d.State == schedule.Failed {
		kind, outcome = names.EventMessageFailed, names.OutcomeFailure
	}
	data := about(request)
	data["channel"], data["attempts"] = d.Channel, len(d.Attempts)
	if d.Recipient != nil {
		data["recipient"] = *d.Recipient
	}
	if last.Error != "" {
		data["error"] = last.Error
	}
	e := event(request, kind, action, outcome, label(d), data)
	e.Timestamp = last.Timestamp.UTC()
	took := time.Duration(last.DurationSeconds * float64(time.Second)).Milliseconds()
	e.DurationMS = &took
	return e
}

// escalated is the audit event of an escalation that has reached somebody.
func escalated(request *v1alpha1.NotificationRequest) audit.Event {
	data := about(request)
	data["phase"], data["deliveries"] = request.Status.Phase, request.Status.SuccessfulDeliveries
	return event(request, names.EventMessageEscalated, "escalate", names.OutcomeSuccess, "", data)
}

func about(request *v1alpha1.NotificationRequest) map[string]any {
	return map[string]any{"notification_request": request.Name, "type": request.Spec.Type, "priority": request.Spec.Priority}
}

// event is recorded once for each object, kind and occasion.
func event(request *v1alpha1.NotificationRequest, kind names.EventType, action string, outcome names.EventOutcome, occasion string,
	data map[string]any) audit.Event {
	e := audit.NewEvent(kind, names.CategoryNotification, action, outcome, message.Flow(request), data)
	e.ActorType, e.ActorID = "service", names.Notification
	e.ResourceType, e.ResourceID = v1alpha1.NotificationRequestKind, request.Name
	e.Namespace = request.Namespace
	return e.Once(string(request.UID), occasion)
}
