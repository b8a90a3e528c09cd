package admission

import (
	"context"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// clusterAccounts prefixes the accounts of Kubernetes's own controllers.
const clusterAccounts = "system:serviceaccount:kube-system:"

// notificationDeletion records who deleted a message: cancelled when it was still on its way, acknowledged when it had
// arrived or failed. It never denies. The garbage collector and the like, and notification at the end of a message's retention,
// are nobody's decision, and leave no event.
func (b base) notificationDeletion(_ context.Context, request admission.Request) admission.Response {
	var before v1alpha1.NotificationRequest
	if err := b.decode(request, &before, nil); err != nil {
		return refused(err)
	}
	retention := "system:serviceaccount:" + before.Namespace + ":" + names.Notification
	if user := request.UserInfo.Username; user == retention || strings.HasPrefix(user, clusterAccounts) {
		return admission.Allowed("")
	}
	kind, action := names.EventWebhookCancelled, "cancel"
	if before.Status.Phase.Terminal() {
		kind, action = names.EventWebhookAcknowledged, "acknowledge"
	}
	// The message stays out of the event: it has not been searched for secrets.
	b.record(request, decision{
		kind: kind, object: &before, correlationID: correlation(&before), action: action,
		data: map[string]any{"type": before.Spec.Type, "phase": before.Status.Phase},
	})
	return admission.Allowed("")
}

func correlation(request *v1alpha1.NotificationRequest) string {
	if ref := request.Spec.RemediationRequestRef; ref != nil {
		return ref.Name
	}
	return request.Name
}
