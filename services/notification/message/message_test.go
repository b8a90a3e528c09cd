package message_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/message"
)

func TestNew(t *testing.T) {
	created := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	request := &v1alpha1.NotificationRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Namespace: "ns", UID: "u", CreationTimestamp: metav1.NewTime(created)},
		Spec: v1alpha1.NotificationRequestSpec{
			Type: v1alpha1.Escalation, Priority: v1alpha1.PriorityHigh, Subject: "password=x", Body: "token: y",
			Recipients: []v1alpha1.Recipient{
				{Email: "a@example.com"}, {WebhookURL: "https://me:p@hooks.example.com:1/T1/B2?x=y"}, {WebhookURL: "https://%zz"},
			},
			Channels: []v1alpha1.Channel{v1alpha1.FileChannel}, Metadata: map[string]string{"secret": "z", "pod": "web"},
			ActionLinks:           []v1alpha1.ActionLink{{Service: "grafana", URL: "https://g/?api_key=k", Label: "Board"}},
			RemediationRequestRef: &v1alpha1.ObjectReference{Name: "rr"},
		},
	}
	want := message.Message{
		Name: "n", Namespace: "ns", UID: "u", Type: "escalation", Priority: "high",
		Subject: "password=[REDACTED]", Body: "token: [REDACTED]",
		Recipients: []v1alpha1.Recipient{
			{Email: "a@example.com"}, {WebhookURL: "https://hooks.example.com:1/[REDACTED]"}, {WebhookURL: "[REDACTED]"},
		},
		Channels: []v1alpha1.Channel{"file"}, Metadata: map[string]string{"secret": "[REDACTED]", "pod": "web"},
		ActionLinks:        []v1alpha1.ActionLink{{Service: "grafana", URL: "https://g/?api_key=[REDACTED]", Label: "Board"}},
		RemediationRequest: "rr", CreatedAt: created,
	}
	if diff := cmp.Diff(want, message.New(request)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if got := message.Flow(request); got != "rr" {
		t.Errorf("flow: got %q, want the RemediationRequest's name", got)
	}
	request.Spec.RemediationRequestRef = nil
	if got := message.Flow(request); got != "n" || message.New(request).RemediationRequest != "" {
		t.Errorf("flow without a reference: got %q, want the request's own name", got)
	}
}
