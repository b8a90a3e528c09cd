package remediationorchestrator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
)

// workflowID is what the played analysis selects. The orchestrator does not look it up.
const workflowID = "588c0d01-ef83-5a78-ac19-4af9089b7776"

// user is the human who decides.
const user = "e2e-alice"

// flow is one remediation. The test plays everybody but the orchestrator: the gateway, which makes the request, and the
// controllers of the children, whose statuses it writes.
type flow struct {
	*suite
	t    *testing.T
	name string
}

// signal is what a flow is about.
type signal struct {
	name   string
	target api.TargetResource
}

// signal returns one that no other test and no other run has.
func (s *suite) signal(test string) signal {
	return signal{"E2E" + test, api.TargetResource{Kind: "Deployment", Name: "web-" + test, Namespace: s.TargetNamespace()}}
}

// start makes a request for a signal; number tells the requests of one signal apart, and orders those of one second.
func (s *suite) start(t *testing.T, of signal, number int) *flow {
	t.Helper()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s:%s:%s:%s", of.name, of.target.Namespace, of.target.Kind, of.target.Name))
	fingerprint, now := hex.EncodeToString(sum[:]), metav1.Now()
	f := &flow{suite: s, t: t, name: fmt.Sprintf("rr-%s-%08d", fingerprint[:12], number)}
	request := &api.RemediationRequest{
		ObjectMeta: metav1.ObjectMeta{Name: f.name, Namespace: s.Namespace},
		Spec: api.RemediationRequestSpec{
			SignalFingerprint: fingerprint, SignalName: of.name, Severity: "page", SignalType: api.PrometheusAlert, SignalSource: "alertmanager",
			TargetType: api.KubernetesTarget, TargetResource: of.target, FiringTime: now, ReceivedTime: now,
			SignalLabels: map[string]string{"run": s.Run}, SignalAnnotations: map[string]string{"summary": "made by run " + s.Run},
		},
	}
	if err := s.Client.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return f
}

// flow starts the one request of a test's signal.
func (s *suite) flow(t *testing.T, test string) *flow { return s.start(t, s.signal(test), 1) }

// await waits for a phase. Another final phase ends the test.
func (f *flow) await(phase api.Phase) *api.RemediationRequest {
	f.t.Helper()
	request, err := f.Await(f.t.Context(), f.name, phase)
	if err != nil {
		f.t.Fatal(err)
	}
	return &request
}

func (f *flow) read(ctx context.Context, name string, into client.Object) error {
	return f.Client.Get(ctx, client.ObjectKey{Namespace: f.Namespace, Name: name}, into)
}

// child waits for an object of the flow.
func (f *flow) child(name string, into client.Object) {
	f.t.Helper()
	f.Eventually(f.t, func(ctx context.Context) error { return f.read(ctx, name, into) })
}

// wantNone checks that an object is not there.
func (f *flow) wantNone(name string, of client.Object) {
	f.t.Helper()
	if err := f.read(f.t.Context(), name, of); !apierrors.IsNotFound(err) {
		f.t.Errorf("%s: got error %v, want that it is not found", name, err)
	}
}

// write changes an object's status as its controller would.
func write[T client.Object](f *flow, name string, object T, change func()) {
	f.t.Helper()
	f.child(name, object)
	before := object.DeepCopyObject().(T)
	change()
	if err := f.Client.Status().Patch(f.t.Context(), object, client.MergeFrom(before)); err != nil {
		f.t.Fatal(err)
	}
}

// edit writes the request's own status, as the gateway or a human does.
func (f *flow) edit(change func(*api.RemediationRequestStatus)) {
	f.t.Helper()
	var request api.RemediationRequest
	write(f, f.name, &request, func() { change(&request.Status) })
}

func (f *flow) process(change func(*api.SignalProcessingStatus)) {
	f.t.Helper()
	now, sp := metav1.Now(), api.SignalProcessing{}
	write(f, api.SignalProcessingName(f.name), &sp, func() {
		sp.Status = api.SignalProcessingStatus{
			Phase: api.SignalProcessingCompleted, Severity: "critical", CompletionTime: &now,
			EnvironmentClassification: &api.EnvironmentClassification{Environment: "staging", Source: "namespace-labels", ClassifiedAt: now},
			PriorityAssignment:        &api.PriorityAssignment{Priority: "P2", Source: "policy", AssignedAt: now},
			KubernetesContext:         &api.KubernetesContext{OwnerChain: []api.OwnerReference{{Kind: "Deployment", Name: "web"}}},
			BusinessClassification:    &api.BusinessClassification{BusinessUnit: "shop"},
		}
		if change != nil {
			change(&sp.Status)
		}
	})
}

func (f *flow) analyze(change func(*api.AIAnalysisStatus)) {
	f.t.Helper()
	now, aa := metav1.Now(), api.AIAnalysis{}
	write(f, api.AIAnalysisName(f.name), &aa, func() {
		aa.Status = api.AIAnalysisStatus{
			Phase: api.AIAnalysisCompleted, RootCause: "the container needs more memory than it may have", CompletedAt: &now,
			SelectedWorkflow: &api.SelectedWorkflow{
				WorkflowID: workflowID, Version: "1.0.0", ContainerImage: "localhost/workflows/increase-memory", Confidence: 0.95,
				Parameters: map[string]string{"MEMORY_LIMIT": "128Mi"}, Rationale: "more memory helps",
			},
		}
		if change != nil {
			change(&aa.Status)
		}
	})
}

func needsApproval(status *api.AIAnalysisStatus) {
	status.ApprovalRequired, status.ApprovalReason = true, "production environment"
}

func (f *flow) execute(change func(*api.WorkflowExecutionStatus)) {
	f.t.Helper()
	now, wfe := metav1.Now(), api.WorkflowExecution{}
	write(f, api.WorkflowExecutionName(f.name), &wfe, func() {
		wfe.Status = api.WorkflowExecutionStatus{Phase: api.WorkflowExecutionCompleted, StartTime: &now, CompletionTime: &now, Duration: "3s"}
		if change != nil {
			change(&wfe.Status)
		}
	})
}

// decide writes a human's decision; the admission webhook adds whose it is.
func (f *flow) decide(decision api.Decision) {
	f.t.Helper()
	human, err := f.As(user)
	if err != nil {
		f.t.Fatal(err)
	}
	var rar api.RemediationApprovalRequest
	f.child(api.ApprovalRequestName(f.name), &rar)
	before := rar.DeepCopy()
	rar.Status.Decision = decision
	if err := human.Status().Patch(f.t.Context(), &rar, client.MergeFrom(before)); err != nil {
		f.t.Fatal(err)
	}
}

// upTo plays the flow until it is in a phase.
func (f *flow) upTo(phase api.Phase) {
	f.t.Helper()
	f.await(api.Processing)
	if phase == api.Processing {
		return
	}
	f.process(nil)
	f.await(api.Analyzing)
	switch phase {
	case api.AwaitingApproval:
		f.analyze(needsApproval)
	case api.Executing:
		f.analyze(nil)
	default:
		return
	}
	f.await(phase)
}

// fail ends the flow badly, some time ago.
func (f *flow) fail(ago time.Duration) {
	f.t.Helper()
	f.upTo(api.Processing)
	f.process(func(status *api.SignalProcessingStatus) { status.Phase = api.SignalProcessingFailed })
	f.await(api.Failed)
	f.endedAt(time.Now().Add(-ago))
}

// endedAt moves the end of a finished flow into the past.
func (f *flow) endedAt(at time.Time) {
	f.t.Helper()
	f.edit(func(status *api.RemediationRequestStatus) { status.CompletedAt = &metav1.Time{Time: at} })
}

// children are all objects that a flow may have.
func (f *flow) children() map[string]client.Object {
	return map[string]client.Object{
		api.SignalProcessingName(f.name):         &api.SignalProcessing{},
		api.AIAnalysisName(f.name):               &api.AIAnalysis{},
		api.ApprovalRequestName(f.name):          &api.RemediationApprovalRequest{},
		api.ApprovalNotificationName(f.name):     &api.NotificationRequest{},
		api.WorkflowExecutionName(f.name):        &api.WorkflowExecution{},
		api.CompletionNotificationName(f.name):   &api.NotificationRequest{},
		api.ManualReviewNotificationName(f.name): &api.NotificationRequest{},
	}
}

// gone waits until no object of the flow is left.
func (f *flow) gone() {
	f.t.Helper()
	f.Eventually(f.t, func(ctx context.Context) error {
		var left []error
		for name, object := range f.children() {
			if err := f.read(ctx, name, object); !apierrors.IsNotFound(err) {
				left = append(left, fmt.Errorf("%s is there: %w", name, err))
			}
		}
		return errors.Join(left...)
	})
}
