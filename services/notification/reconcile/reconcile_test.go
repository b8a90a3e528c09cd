package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/notification/delivery"
)

var (
	errBusy  = &delivery.Failure{Cause: errors.New("busy")}
	errWrong = &delivery.Failure{Cause: errors.New("wrong"), Permanent: true}
)

func (r *rig) want(what string, want, got any) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// outcome is what most tests compare of a status.
type outcome struct {
	Phase                   v1alpha1.NotificationPhase
	Total, Succeeded, Fatal int32
	Reason, Message         string
}

func (r *rig) outcome() outcome {
	status := r.get().Status
	return outcome{status.Phase, status.TotalAttempts, status.SuccessfulDeliveries, status.FailedDeliveries, status.Reason, status.Message}
}

func TestSent(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{
		Channels:              []v1alpha1.Channel{"console", "file"},
		RemediationRequestRef: &v1alpha1.ObjectReference{Name: "rr"},
	})
	if after := r.step(); after != 7*24*time.Hour {
		t.Errorf("got another look in %v, want it after the retention", after)
	}
	r.want("status", outcome{"Sent", 2, 2, 0, "AllDelivered", "2 of 2 delivered"}, r.outcome())
	r.want("attempts", []string{"console hello", "file hello"}, r.sent)
	r.want("Kubernetes events", []string{"Normal Pending the message is pending", "Normal Sending the message is sending", "Normal Sent 2 of 2 delivered"}, r.reasons())
	r.want("audit events", []string{"notification.message.sent rr success", "notification.message.sent rr success"}, r.recorded())
	status := r.get().Status
	if status.QueuedAt == nil || status.ProcessingStartedAt == nil || status.CompletionTime == nil || len(status.Conditions) != 1 {
		t.Errorf("got %+v, want all times and the condition", status)
	}
	if first, second := r.trail.events[0], r.trail.events[1]; first.ID == second.ID {
		t.Error("the two channels' audit events have one id")
	}
	r.restart()
	r.step()
	if len(r.sent) != 2 || len(r.trail.events) != 2 {
		t.Errorf("after a restart: sent %v and recorded %v, want nothing more", r.sent, r.recorded())
	}
}

// A restart in the middle forgets nothing: neither what was delivered nor how long to wait.
func TestRetryGoesOnAfterARestart(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{
		Channels:    []v1alpha1.Channel{"console", "slack"},
		RetryPolicy: &v1alpha1.RetryPolicy{MaxAttempts: 5, InitialBackoffSeconds: 10, BackoffMultiplier: 3, MaxBackoffSeconds: 60},
	})
	r.answers["slack"] = []error{errBusy, &delivery.Failure{Cause: errors.New("slow down"), RetryAfter: 44500 * time.Millisecond}, nil}
	if after := r.step(); after != 10*time.Second {
		t.Errorf("after the first failure: got %v, want the initial back-off", after)
	}
	r.want("status", outcome{"Retrying", 2, 1, 0, "WaitingForRetry", "slack, attempt 1: busy"}, r.outcome())
	r.now = r.now.Add(4 * time.Second)
	r.restart()
	if after := r.step(); after != 6*time.Second {
		t.Errorf("after a restart: got %v, want what is left of the back-off", after)
	}
	r.now = r.now.Add(6 * time.Second)
	if after := r.step(); after != 45*time.Second {
		t.Errorf("after the second failure: got %v, want what the receiver asks for in whole seconds", after)
	}
	r.now = r.now.Add(45 * time.Second)
	r.step()
	r.want("status", outcome{"Sent", 4, 2, 0, "AllDelivered", "2 of 2 delivered"}, r.outcome())
	r.want("attempts", []string{"console hello", "slack hello", "slack hello", "slack hello"}, r.sent)
	r.want("Kubernetes events", []string{"Normal Sending slack, attempt 1: busy", "Warning Retrying slack, attempt 2: slow down",
		"Normal Sending slack, attempt 2: slow down", "Normal Sent 2 of 2 delivered"}, r.reasons())
	r.want("audit events", []string{"notification.message.sent n success", "notification.message.sent n success"}, r.recorded())
}

func TestEnds(t *testing.T) {
	for name, test := range map[string]struct {
		spec    v1alpha1.NotificationRequestSpec
		answers []error // of slack
		want    outcome
		audit   []string
	}{
		"default channel": {want: outcome{"Sent", 1, 1, 0, "AllDelivered", "1 of 1 delivered"}, audit: []string{"notification.message.sent n success"}},
		"permanent failure": {
			v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"slack"}}, []error{errWrong},
			outcome{"Failed", 1, 0, 1, "NoneDelivered", "slack, attempt 1: wrong"}, []string{"notification.message.failed n failure"},
		},
		"last attempt": {
			v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"slack"}, RetryPolicy: &v1alpha1.RetryPolicy{MaxAttempts: 1}}, []error{errBusy},
			outcome{"Failed", 1, 0, 1, "NoneDelivered", "slack, attempt 1: busy"}, []string{"notification.message.failed n failure"},
		},
		"some": {
			v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"slack", "console"}}, []error{errWrong},
			outcome{"PartiallySent", 2, 1, 1, "SomeDelivered", "slack, attempt 1: wrong"},
			[]string{"notification.message.failed n failure", "notification.message.sent n success"},
		},
		"escalation that arrives in part": {
			v1alpha1.NotificationRequestSpec{Type: v1alpha1.Escalation, Channels: []v1alpha1.Channel{"slack", "console"}}, []error{errWrong},
			outcome{"PartiallySent", 2, 1, 1, "SomeDelivered", "slack, attempt 1: wrong"},
			[]string{"notification.message.failed n failure", "notification.message.sent n success", "notification.message.escalated n success"},
		},
		"escalation that does not arrive": {
			v1alpha1.NotificationRequestSpec{Type: v1alpha1.Escalation, Channels: []v1alpha1.Channel{"slack"}}, []error{errWrong},
			outcome{"Failed", 1, 0, 1, "NoneDelivered", "slack, attempt 1: wrong"}, []string{"notification.message.failed n failure"},
		},
		"an error with a secret": {
			v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"slack"}}, []error{&delivery.Failure{Cause: errors.New("token=x"), Permanent: true}},
			outcome{"Failed", 1, 0, 1, "NoneDelivered", "slack, attempt 1: token=[REDACTED]"}, []string{"notification.message.failed n failure"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, test.spec)
			r.answers["slack"] = test.answers
			r.step()
			r.want("status", test.want, r.outcome())
			r.want("audit events", test.audit, r.recorded())
		})
	}
}

// Each URL is a delivery of its own, so that the first one does not get the message again because the second one is busy.
func TestEachWebhookIsDeliveredOnce(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{
		Channels:   []v1alpha1.Channel{"webhook"},
		Recipients: []v1alpha1.Recipient{{WebhookURL: "http://a"}, {Email: "x@y"}, {WebhookURL: "http://b"}},
	})
	r.answers["webhook"] = []error{nil, errBusy}
	r.now = r.now.Add(r.step())
	r.step()
	r.want("attempts", []string{"webhookhttp://a hello", "webhookhttp://b hello", "webhookhttp://b hello"}, r.sent)
	r.want("status", outcome{"Sent", 3, 2, 0, "AllDelivered", "2 of 2 delivered"}, r.outcome())
}

// An attempt whose status write fails is not made again, and is told of once.
func TestFailedWriteRepeatsNothing(t *testing.T) {
	for name, refusal := range map[string]error{
		"API server away": errors.New("away"),
		"conflict":        apierrors.NewConflict(schema.GroupResource{Resource: "notificationrequests"}, "n", errors.New("changed")),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"console", "slack"}})
			r.answers["slack"] = []error{errWrong}
			r.during = func() { r.writes = refusal }
			after, err := r.reconcile(t.Context())
			if apierrors.IsConflict(refusal) != (err == nil) || (err == nil && after != time.Second) {
				t.Errorf("got another look in %v and error %v", after, err)
			}
			r.during, r.writes = nil, nil
			r.step()
			r.want("attempts", []string{"console hello", "slack hello"}, r.sent)
			r.want("status", outcome{"PartiallySent", 2, 1, 1, "SomeDelivered", "slack, attempt 1: wrong"}, r.outcome())
			r.want("audit events", []string{"notification.message.sent n success", "notification.message.failed n failure"}, r.recorded())
		})
	}
}

// A change by somebody else between reading and writing is a real conflict of the API server.
func TestChangeDuringAnAttempt(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{})
	r.during = func() {
		object := r.get()
		object.Labels = map[string]string{"seen": "yes"}
		if err := r.client.Update(t.Context(), object); err != nil {
			t.Error(err)
		}
	}
	r.step()
	r.during = nil
	r.step()
	r.want("attempts", []string{"console hello"}, r.sent)
	r.want("status", outcome{"Sent", 1, 1, 0, "AllDelivered", "1 of 1 delivered"}, r.outcome())
}

// When the process is asked to stop, the attempt under way is finished and written, and no other begins.
func TestStop(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"console", "slack"}})
	ctx, stop := context.WithCancel(t.Context())
	r.during = stop
	if _, err := r.reconcile(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that it stops", err)
	}
	r.during = nil
	r.restart()
	r.step()
	r.want("attempts", []string{"console hello", "slack hello"}, r.sent)
	r.want("status", outcome{"Sent", 2, 2, 0, "AllDelivered", "2 of 2 delivered"}, r.outcome())
}

func TestRetention(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{RetentionDays: 2})
	if after := r.step(); after != 48*time.Hour {
		t.Errorf("got %v, want two days", after)
	}
	r.now = r.now.Add(48*time.Hour - time.Second)
	if after := r.step(); after != time.Second {
		t.Errorf("a second before its time: got %v, want 1s", after)
	}
	r.now = r.now.Add(time.Second)
	r.step()
	err := r.client.Get(t.Context(), client.ObjectKey{Namespace: "ns", Name: "n"}, &v1alpha1.NotificationRequest{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("got error %v, want that the object is gone", err)
	}
	r.step() // nothing to do for an object that is gone
}

func TestObjectThatIsBeingDeletedIsLeftAlone(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{})
	object := r.get()
	object.Finalizers = []string{"example.com/hold"}
	if err := errors.Join(r.client.Update(t.Context(), object), r.client.Delete(t.Context(), object)); err != nil {
		t.Fatal(err)
	}
	r.step()
	if r.sent != nil {
		t.Errorf("got %v, want nothing sent", r.sent)
	}
}

func TestMetrics(t *testing.T) {
	r := newRig(t, v1alpha1.NotificationRequestSpec{Channels: []v1alpha1.Channel{"slack", "console"}})
	r.answers["slack"] = []error{errBusy, errWrong}
	r.now = r.now.Add(r.step())
	r.step()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, series := range family.Metric {
			name := strings.TrimPrefix(family.GetName(), "kubernaut_notification_")
			for _, label := range series.Label {
				name += " " + label.GetValue()
			}
			got[name] = series.GetCounter().GetValue() + float64(series.GetHistogram().GetSampleCount())
		}
	}
	r.want("series", map[string]float64{
		"deliveries_total console sent": 1, "deliveries_total slack failed": 1, "retries_total slack": 1,
		"delivery_duration_seconds console": 1, "delivery_duration_seconds slack": 2,
	}, got)
}
