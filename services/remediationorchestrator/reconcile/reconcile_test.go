package reconcile_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestRemediationFromSignalToEnd(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	if got := w.start(); got.Status.OverallPhase != v1alpha1.Processing || got.Status.SignalProcessingRef.Name != "sp-"+requestName {
		t.Errorf("at first: got %+v, want Processing with a SignalProcessing", got.Status)
	}
	if got := w.process(nil); got.Status.OverallPhase != v1alpha1.Analyzing || got.Status.AIAnalysisRef.Name != "ai-"+requestName {
		t.Errorf("after the processing: got %+v, want Analyzing with an AIAnalysis", got.Status)
	}
	if got := w.analyze(nil); got.Status.OverallPhase != v1alpha1.Executing || got.Status.WorkflowExecutionRef.Name != "we-"+requestName {
		t.Errorf("after the analysis: got %+v, want Executing with a WorkflowExecution", got.Status)
	}
	got := w.execute(nil)
	if got.Status.OverallPhase != v1alpha1.Completed || got.Status.Outcome != v1alpha1.Remediated || got.Status.CompletedAt == nil {
		t.Errorf("at last: got %+v, want Completed and Remediated", got.Status)
	}
	if refs := got.Status.NotificationRequestRefs; len(refs) != 1 || refs[0].Name != "nr-completion-"+requestName {
		t.Errorf("notifications: got %+v, want the completion", refs)
	}
	want := []string{
		"lifecycle.created", "lifecycle.started", "lifecycle.transitioned", "lifecycle.transitioned", "lifecycle.transitioned",
		"lifecycle.transitioned", "lifecycle.completed",
	}
	if diff := cmp.Diff(want, w.types()); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
	wantEvents := []string{"Normal Pending", "Normal Processing", "Normal Analyzing", "Normal Executing", "Normal Completed"}
	if diff := cmp.Diff(wantEvents, w.events); diff != "" {
		t.Errorf("Kubernetes events (-want +got):\n%s", diff)
	}
}

func TestAuditEventsAreUniqueInOrderAndOfTheFlow(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.start()
	w.process(nil)
	w.analyze(nil)
	w.execute(nil)
	seen := map[string]bool{}
	for i, event := range w.trail {
		if seen[event.ID] {
			t.Errorf("id %s is there twice", event.ID)
		}
		seen[event.ID] = true
		if event.CorrelationID != requestName || !json.Valid(event.Data) {
			t.Errorf("event %s: correlation %q and data %s, want the request's name and JSON", event.Type, event.CorrelationID, event.Data)
		}
		if i > 0 && !event.Timestamp.After(w.trail[i-1].Timestamp) {
			t.Errorf("event %d (%s) is not later than the one before", i, event.Type)
		}
	}
}

func TestChildrenBelongToTheRequest(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	request := w.start()
	w.process(nil)
	w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.ApprovalRequired, s.ApprovalReason = true, "production" })
	w.decide(v1alpha1.Approved)
	w.execute(nil)
	for _, child := range []struct {
		name   string
		object client.Object
	}{
		{"sp-", &v1alpha1.SignalProcessing{}}, {"ai-", &v1alpha1.AIAnalysis{}}, {"rar-", &v1alpha1.RemediationApprovalRequest{}},
		{"we-", &v1alpha1.WorkflowExecution{}}, {"nr-approval-", &v1alpha1.NotificationRequest{}}, {"nr-completion-", &v1alpha1.NotificationRequest{}},
	} {
		w.read(child.name+requestName, child.object)
		yes := true
		want := []metav1.OwnerReference{{
			APIVersion: "kubernaut.ai/v1alpha1", Kind: v1alpha1.RemediationRequestKind, Name: requestName, UID: request.UID,
			Controller: &yes, BlockOwnerDeletion: &yes,
		}}
		if diff := cmp.Diff(want, child.object.GetOwnerReferences()); diff != "" {
			t.Errorf("owner of %s (-want +got):\n%s", child.object.GetName(), diff)
		}
	}
}

func TestApproval(t *testing.T) {
	for _, test := range []struct {
		decision v1alpha1.Decision
		want     v1alpha1.Phase
		reason   string
		event    string
	}{
		{v1alpha1.Approved, v1alpha1.Executing, "", "approval.approved"},
		{v1alpha1.Rejected, v1alpha1.Failed, "ApprovalRejected", "approval.rejected"},
		{v1alpha1.Expired, v1alpha1.Failed, "ApprovalExpired", "approval.rejected"},
	} {
		t.Run(string(test.decision), func(t *testing.T) {
			w := newWorld(t, interceptor.Funcs{})
			w.start()
			w.process(nil)
			waiting := w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.ApprovalRequired = true })
			if waiting.Status.OverallPhase != v1alpha1.AwaitingApproval || w.exists("we-"+requestName, &v1alpha1.WorkflowExecution{}) {
				t.Fatalf("got phase %s, want AwaitingApproval and no execution", waiting.Status.OverallPhase)
			}
			w.trail = nil
			got := w.decide(test.decision)
			if got.Status.OverallPhase != test.want || got.Status.FailureReason != test.reason {
				t.Errorf("got %s %q, want %s %q", got.Status.OverallPhase, got.Status.FailureReason, test.want, test.reason)
			}
			if ran := w.exists("we-"+requestName, &v1alpha1.WorkflowExecution{}); ran != (test.decision == v1alpha1.Approved) {
				t.Errorf("execution exists: %t", ran)
			}
			if types := w.types(); types[0] != test.event {
				t.Errorf("audit events: got %v, want %s first", types, test.event)
			}
		})
	}
}

func TestApprovalExpires(t *testing.T) {
	for name, test := range map[string]struct {
		own  *v1alpha1.TimeoutConfig
		wait time.Duration
		want v1alpha1.Phase
	}{
		"in time":                      {nil, 14 * time.Minute, v1alpha1.AwaitingApproval},
		"after the approval's time":    {nil, 15 * time.Minute, v1alpha1.Failed},
		"after the request's own time": {&v1alpha1.TimeoutConfig{Global: &metav1.Duration{Duration: time.Minute}}, time.Minute, v1alpha1.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, interceptor.Funcs{})
			w.start()
			w.process(nil)
			request := w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.ApprovalRequired = true })
			request.Status.TimeoutConfig = test.own
			w.write(request)
			w.clock = w.clock.Add(test.wait)
			got := w.run()
			var rar v1alpha1.RemediationApprovalRequest
			w.read("rar-"+requestName, &rar)
			if expired := test.want == v1alpha1.Failed; got.Status.OverallPhase != test.want || (rar.Status.Decision == v1alpha1.Expired) != expired {
				t.Errorf("got phase %s and decision %q, want %s", got.Status.OverallPhase, rar.Status.Decision, test.want)
			}
		})
	}
}

func TestLateDecisionCounts(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.start()
	w.process(nil)
	w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.ApprovalRequired = true })
	w.clock = w.clock.Add(20 * time.Minute)
	if got := w.decide(v1alpha1.Approved); got.Status.OverallPhase != v1alpha1.Executing {
		t.Errorf("got phase %s, want Executing", got.Status.OverallPhase)
	}
}

func TestLostRaceLeavesNoTrace(t *testing.T) {
	lose := true
	w := newWorld(t, interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string, object client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
		request, ok := object.(*v1alpha1.RemediationRequest)
		if ok && lose && request.Status.OverallPhase == v1alpha1.Analyzing {
			lose = false
			return apierrors.NewConflict(schema.GroupResource{}, request.Name, nil)
		}
		return c.SubResource(sub).Patch(ctx, object, patch, opts...)
	}})
	w.start()
	w.trail = nil
	var sp v1alpha1.SignalProcessing
	w.read("sp-"+requestName, &sp)
	sp.Status.Phase = v1alpha1.SignalProcessingCompleted
	w.write(&sp)
	result, err := w.reconcile()
	if err != nil || result.RequeueAfter == 0 || len(w.trail) != 0 {
		t.Fatalf("lost: got %+v, error %v and %d audit events, want another try and no event", result, err, len(w.trail))
	}
	if got := w.run(); got.Status.OverallPhase != v1alpha1.Analyzing {
		t.Errorf("got phase %s, want Analyzing", got.Status.OverallPhase)
	}
	if diff := cmp.Diff([]string{"lifecycle.transitioned"}, w.types()); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

// lagging reads requests from a cache that has not seen the last write.
type lagging struct {
	client.Client
	request *v1alpha1.RemediationRequest
}

func (l lagging) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if request, ok := into.(*v1alpha1.RemediationRequest); ok {
		l.request.DeepCopyInto(request)
		return nil
	}
	return l.Client.Get(ctx, key, into, options...)
}

// A request is cancelled and its child is done, and only the latter is in the cache.
func TestCancelledRequestGetsNoChild(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.start()
	w.reconciler.Client = lagging{w.client, w.get()}
	request := w.get()
	request.Status.OverallPhase = v1alpha1.Cancelled
	w.write(request)
	w.processed(nil)
	if result, err := w.reconcile(); err != nil || result.RequeueAfter == 0 {
		t.Errorf("got %+v, %v, want another look soon", result, err)
	}
	if w.exists(names.AIAnalysisName(requestName), &v1alpha1.AIAnalysis{}) {
		t.Error("the request has an analysis")
	}
	w.reconciler.Client = w.client
	if got := w.run().Status.OverallPhase; got != v1alpha1.Cancelled {
		t.Errorf("got phase %s, want Cancelled", got)
	}
}

func TestRequestDeletedMeanwhileIsNoError(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{SubResourcePatch: func(_ context.Context, _ client.Client, _ string, object client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
		return apierrors.NewNotFound(schema.GroupResource{}, object.GetName())
	}})
	w.create(w.request(requestName))
	if result, err := w.reconcile(); err != nil || !result.IsZero() || len(w.trail) != 0 {
		t.Errorf("got %+v, error %v and %d audit events, want nothing", result, err, len(w.trail))
	}
}

func TestGatewaysCountSurvives(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	request := w.start()
	request.Status.Deduplication = &v1alpha1.Deduplication{OccurrenceCount: 7}
	w.write(request)
	w.process(nil)
	if got := w.analyze(nil).Status.Deduplication; got == nil || got.OccurrenceCount != 7 {
		t.Errorf("got %+v, want 7 occurrences", got)
	}
}

func TestFinishedRequestsAreLeftAlone(t *testing.T) {
	for _, phase := range []v1alpha1.Phase{v1alpha1.Completed, v1alpha1.Failed, v1alpha1.TimedOut, v1alpha1.Skipped, v1alpha1.Cancelled} {
		t.Run(string(phase), func(t *testing.T) {
			w := newWorld(t, interceptor.Funcs{})
			request := w.start()
			request.Status.OverallPhase = phase
			w.write(request)
			w.trail = nil
			before := w.get()
			w.clock = w.clock.Add(24 * time.Hour)
			if after := w.process(nil); !cmp.Equal(before, after) || len(w.trail) != 0 {
				t.Errorf("the request changed (-before +after):\n%s\nand %d audit events", cmp.Diff(before, after), len(w.trail))
			}
		})
	}
}

func TestForeignChildIsNotTaken(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.create(&v1alpha1.SignalProcessing{ObjectMeta: metav1.ObjectMeta{Name: names.SignalProcessingName(requestName), Namespace: namespace}})
	w.create(w.request(requestName))
	if _, err := w.reconcile(); err != nil { // accepts
		t.Fatal(err)
	}
	if _, err := w.reconcile(); err == nil {
		t.Error("got no error, want one that names the foreign child")
	}
	if got := w.get().Status.OverallPhase; got != v1alpha1.Pending {
		t.Errorf("got phase %s, want Pending", got)
	}
}
