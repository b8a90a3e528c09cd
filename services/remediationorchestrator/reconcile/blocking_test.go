package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// past makes a finished request of the same signal.
func (w *world) past(name string, phase v1alpha1.Phase, ago time.Duration) {
	w.t.Helper()
	request := w.request(name)
	at := metav1.NewTime(w.clock.Add(-ago))
	request.CreationTimestamp = at
	w.create(request)
	request.Status.OverallPhase, request.Status.CompletedAt = phase, &at
	w.write(request)
}

// foreign makes another request's execution on the same target.
func (w *world) foreign(edit func(*v1alpha1.WorkflowExecutionStatus)) *v1alpha1.WorkflowExecution {
	w.t.Helper()
	execution := &v1alpha1.WorkflowExecution{
		ObjectMeta: metav1.ObjectMeta{Name: "we-other", Namespace: namespace},
		Spec: v1alpha1.WorkflowExecutionSpec{
			RemediationRequestRef: v1alpha1.ObjectReference{Name: "other"}, TargetResource: "shop/Deployment/web",
			WorkflowRef: v1alpha1.WorkflowRef{WorkflowID: "workflow-1"},
		},
	}
	w.create(execution)
	edit(&execution.Status)
	w.write(execution)
	return execution
}

func TestFailuresBlockBeforeAnyWork(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	for i, name := range []string{"a", "b", "c"} {
		w.past(name, v1alpha1.Failed, time.Duration(i+10)*time.Minute)
	}
	got := w.start().Status
	if got.OverallPhase != v1alpha1.Blocked || got.BlockReason != v1alpha1.BlockConsecutiveFailures || got.ConsecutiveFailureCount != 3 {
		t.Fatalf("got %+v, want Blocked by 3 failures", got)
	}
	if want := w.clock.Add(50 * time.Minute); !got.BlockedUntil.Time.Equal(want) {
		t.Errorf("blocked until %s, want %s", got.BlockedUntil, want)
	}
	if w.exists("sp-"+requestName, &v1alpha1.SignalProcessing{}) {
		t.Error("the signal is being processed")
	}
	if result, _ := w.reconcile(); result.RequeueAfter != 50*time.Minute {
		t.Errorf("looks again after %s, want 50 min", result.RequeueAfter)
	}
	w.clock = w.clock.Add(50 * time.Minute)
	after := w.run().Status
	if after.OverallPhase != v1alpha1.Processing || after.BlockReason != "" || after.BlockedUntil != nil {
		t.Errorf("after the cool-down: got %+v, want Processing and no block", after)
	}
	if want := w.clock; !after.StartTime.Time.Equal(want) {
		t.Errorf("started at %s, want %s: waiting takes no time from the work", after.StartTime, want)
	}
	want := []string{
		"lifecycle.created", "lifecycle.transitioned", "routing.blocked", "lifecycle.started", "lifecycle.transitioned",
	}
	if diff := cmp.Diff(want, w.types()); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

func TestBusyTargetBlocksUntilItIsFree(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	running := w.foreign(func(s *v1alpha1.WorkflowExecutionStatus) { s.Phase = v1alpha1.WorkflowExecutionRunning })
	w.start()
	w.process(nil)
	got := w.analyze(nil).Status
	if got.OverallPhase != v1alpha1.Blocked || got.BlockReason != v1alpha1.BlockResourceBusy || got.BlockedUntil == nil {
		t.Fatalf("got %+v, want Blocked by a busy target", got)
	}
	// The wait has no known end: each look moves its time on, and is no new decision.
	w.clock = w.clock.Add(time.Minute)
	if later := w.run().Status; later.OverallPhase != v1alpha1.Blocked || !later.BlockedUntil.After(w.clock) {
		t.Errorf("later: got %+v, want Blocked until some time ahead", later)
	}
	running.Status.Phase = v1alpha1.WorkflowExecutionFailed
	w.write(running)
	if free := w.run().Status; free.OverallPhase != v1alpha1.Executing || free.BlockReason != "" {
		t.Errorf("once free: got %+v, want Executing", free)
	}
	blocks := 0
	for _, kind := range w.types() {
		if kind == "routing.blocked" {
			blocks++
		}
	}
	if blocks != 1 {
		t.Errorf("got %d entries of a block, want 1", blocks)
	}
}

func TestBlockWithAnotherReasonIsAnotherDecision(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	running := w.foreign(func(s *v1alpha1.WorkflowExecutionStatus) { s.Phase = v1alpha1.WorkflowExecutionRunning })
	w.start()
	w.process(nil)
	w.analyze(nil)
	w.trail = nil
	done := metav1.NewTime(w.clock)
	running.Status.Phase, running.Status.CompletionTime = v1alpha1.WorkflowExecutionCompleted, &done
	w.write(running)
	if got := w.run().Status; got.BlockReason != v1alpha1.BlockRecentlyRemediated {
		t.Errorf("got %+v, want RecentlyRemediated", got)
	}
	if diff := cmp.Diff([]string{"routing.blocked"}, w.types()); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
	w.clock = w.clock.Add(5 * time.Minute)
	if got := w.run().Status; got.OverallPhase != v1alpha1.Executing {
		t.Errorf("after the cool-down: got %s, want Executing", got.OverallPhase)
	}
}

func TestApprovedWorkflowMayHaveToWait(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.foreign(func(s *v1alpha1.WorkflowExecutionStatus) { s.Phase = v1alpha1.WorkflowExecutionRunning })
	w.start()
	w.process(nil)
	w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.ApprovalRequired = true })
	w.trail = nil
	if got := w.decide(v1alpha1.Approved).Status; got.OverallPhase != v1alpha1.Blocked {
		t.Errorf("got %s, want Blocked", got.OverallPhase)
	}
	if diff := cmp.Diff([]string{"approval.approved", "lifecycle.transitioned", "routing.blocked"}, w.types()); diff != "" {
		t.Errorf("audit events (-want +got):\n%s", diff)
	}
}

func TestAnalysisGrowsTooOldWhileBlocked(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	running := w.foreign(func(s *v1alpha1.WorkflowExecutionStatus) { s.Phase = v1alpha1.WorkflowExecutionRunning })
	w.start()
	w.process(nil)
	w.analyze(nil)
	running.Status.Phase = v1alpha1.WorkflowExecutionFailed
	w.write(running)
	w.clock = w.clock.Add(time.Hour)
	if got := w.run().Status; got.OverallPhase != v1alpha1.TimedOut || got.TimeoutPhase != v1alpha1.Blocked {
		t.Errorf("got %+v, want TimedOut in Blocked", got)
	}
}
