package authwebhook_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
)

// suite is one run against the deployed platform.
type suite struct{ *session.Session }

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{session.Connect(t, "authwebhook")}
	return s
}

// user returns a user's name that no other run has.
func (s *suite) user(name string) string { return name + "-" + s.Run }

func (s *suite) as(t *testing.T, user string) client.Client {
	t.Helper()
	objects, err := s.As(user)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// metadata returns a fresh name, under which the object's flow is recorded as well.
func (s *suite) metadata() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.Namespace, Name: "aw-" + s.Run + "-" + uuid.NewString()[:8]}
}

// create makes an object that is removed with the test.
func create[T client.Object](t *testing.T, s *suite, object T) T {
	t.Helper()
	if err := s.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	session.Finally(t, func(ctx context.Context) error { return client.IgnoreNotFound(s.Client.Delete(ctx, object)) })
	return object
}

func get[T client.Object](t *testing.T, s *suite, object T) T {
	t.Helper()
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	return object
}

func (s *suite) execution(t *testing.T) *api.WorkflowExecution {
	t.Helper()
	meta := s.metadata()
	return create(t, s, &api.WorkflowExecution{ObjectMeta: meta, Spec: api.WorkflowExecutionSpec{
		RemediationRequestRef: api.ObjectReference{Name: "rr-" + meta.Name},
		WorkflowRef:           api.WorkflowRef{WorkflowID: uuid.NewString(), Version: "1.0.0", ContainerImage: "image"},
		TargetResource:        s.TargetNamespace() + "/deployment/" + meta.Name,
	}})
}

func (s *suite) request(t *testing.T) *api.RemediationApprovalRequest {
	t.Helper()
	meta := s.metadata()
	return create(t, s, &api.RemediationApprovalRequest{ObjectMeta: meta, Spec: api.RemediationApprovalRequestSpec{
		RemediationRequestRef: api.ObjectReference{Name: "rr-" + meta.Name},
		AIAnalysisRef:         api.ObjectReference{Name: "ai-rr-" + meta.Name},
		Confidence:            0.9, ConfidenceLevel: api.HighConfidence, Reason: "production",
		RecommendedWorkflow: api.RecommendedWorkflow{WorkflowID: uuid.NewString(), Version: "1.0.0"},
		RequiredBy:          metav1.NewTime(time.Now().Add(time.Hour)),
	}})
}

func (s *suite) remediation(t *testing.T) *api.RemediationRequest {
	t.Helper()
	now := metav1.Now()
	return create(t, s, &api.RemediationRequest{ObjectMeta: s.metadata(), Spec: api.RemediationRequestSpec{
		SignalFingerprint: strings.Repeat("a", 64), SignalName: "AW", Severity: "critical", SignalType: api.PrometheusAlert,
		TargetType: api.KubernetesTarget, TargetResource: api.TargetResource{Kind: "Pod", Name: "p", Namespace: s.TargetNamespace()},
		FiringTime: now, ReceivedTime: now,
	}})
}

func (s *suite) notification(t *testing.T) *api.NotificationRequest {
	t.Helper()
	meta := s.metadata()
	return create(t, s, &api.NotificationRequest{ObjectMeta: meta, Spec: api.NotificationRequestSpec{
		Type: api.SimpleMessage, Subject: "AW", Body: "body", RemediationRequestRef: &api.ObjectReference{Name: "rr-" + meta.Name},
	}})
}

// edit changes the present object's status as a user.
func (s *suite) edit(ctx context.Context, user string, object client.Object, change func()) error {
	objects, err := s.As(user)
	if err != nil {
		return err
	}
	if err := s.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return err
	}
	change()
	return objects.Status().Update(ctx, object)
}

func (s *suite) clear(ctx context.Context, user string, execution *api.WorkflowExecution, clearance api.BlockClearance) error {
	return s.edit(ctx, user, execution, func() { execution.Status.BlockClearance = &clearance })
}

func (s *suite) decide(ctx context.Context, user string, approval *api.RemediationApprovalRequest, status api.RemediationApprovalRequestStatus) error {
	return s.edit(ctx, user, approval, func() { approval.Status = status })
}

func wantDenied(t *testing.T, err error, message string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), message) {
		t.Errorf("got %v, want a denial with %q", err, message)
	}
}

// flow returns the recorded events of a flow.
func (s *suite) flow(t *testing.T, correlation string) []api.AuditEvent {
	t.Helper()
	events, err := s.Flow(t.Context(), correlation)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// wantNoEvent waits until events of later decisions have arrived: events leave in their order, so one of this flow would
// be there, too.
func (s *suite) wantNoEvent(t *testing.T, correlation string) {
	t.Helper()
	later, _ := s.approval(t, "")
	s.WantEvents(t, later.Spec.RemediationRequestRef.Name, map[string]int{string(api.EventWebhookApprovalDecided): 1})
	if got := s.flow(t, correlation); len(got) != 0 {
		t.Errorf("events of %s: got %v, want none", correlation, got)
	}
}

// scale takes a component away or brings it back; it is back after the test in any case.
func (s *suite) scale(t *testing.T, component string, replicas int32) {
	t.Helper()
	before, err := s.Scale(t.Context(), component, replicas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Scale(context.Background(), component, max(before, 1)); err != nil {
			t.Errorf("restoring %s: %v", component, err)
		}
	})
}
