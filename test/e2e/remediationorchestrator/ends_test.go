package remediationorchestrator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
)

func (s *suite) consecutiveFailures(t *testing.T) {
	signal := s.signal("ro11")
	var last time.Time
	for number := range 3 {
		f := s.start(t, signal, number)
		f.fail(20 * time.Minute)
		last = f.await(api.Failed).Status.CompletedAt.Time
	}
	f := s.start(t, signal, 4)
	got := f.await(api.Blocked).Status
	if got.BlockReason != api.BlockConsecutiveFailures || got.ConsecutiveFailureCount != 3 || got.BlockMessage == "" {
		t.Errorf("got %+v, want a block by 3 failures", got)
	}
	if want := last.Add(time.Hour); got.BlockedUntil == nil || !got.BlockedUntil.Time.Equal(want) {
		t.Errorf("blocked until %s, want %s: an hour after the last failure", got.BlockedUntil, want)
	}
	f.wantNone(api.SignalProcessingName(f.name), &api.SignalProcessing{})
	s.wantTrail(t, f.name, string(api.EventLifecycleCreated), "Pending→Blocked", string(api.EventRoutingBlocked))
}

func (s *suite) resourceBusy(t *testing.T) {
	running := s.flow(t, "ro12")
	running.upTo(api.Executing)
	other := s.signal("ro12")
	other.name = "E2Eother"
	f := s.start(t, other, 1)
	f.upTo(api.Analyzing)
	f.analyze(nil)
	if got := f.await(api.Blocked).Status; got.BlockReason != api.BlockResourceBusy || got.BlockedUntil == nil {
		t.Errorf("got %+v, want a block by a busy target", got)
	}
	f.wantNone(api.WorkflowExecutionName(f.name), &api.WorkflowExecution{})
	running.execute(func(status *api.WorkflowExecutionStatus) { status.Phase = api.WorkflowExecutionFailed })
	if got := f.await(api.Executing).Status; got.BlockReason != "" || got.BlockedUntil != nil {
		t.Errorf("once free: got %+v, want no block", got)
	}
}

func (s *suite) recentlyRemediated(t *testing.T) {
	first := s.flow(t, "ro13")
	first.upTo(api.Executing)
	first.execute(nil)
	first.await(api.Completed)
	f := s.start(t, s.signal("ro13"), 2)
	f.upTo(api.Analyzing)
	f.analyze(nil)
	got := f.await(api.Blocked).Status
	if got.BlockReason != api.BlockRecentlyRemediated || got.BlockedUntil == nil || time.Until(got.BlockedUntil.Time) > 5*time.Minute+time.Second {
		t.Errorf("got %+v, want a block for 5 min by a recent success", got)
	}
	first.execute(func(status *api.WorkflowExecutionStatus) {
		status.CompletionTime = &metav1.Time{Time: time.Now().Add(-6 * time.Minute)}
	})
	f.await(api.Executing)
}

func (s *suite) timeout(t *testing.T) {
	f := s.flow(t, "ro14")
	f.edit(func(status *api.RemediationRequestStatus) {
		status.TimeoutConfig = &api.TimeoutConfig{Processing: &metav1.Duration{Duration: 2 * time.Second}}
	})
	if got := f.await(api.TimedOut).Status; got.TimeoutPhase != api.Processing || got.CompletedAt == nil {
		t.Errorf("got %+v, want a timeout in Processing", got)
	}
}

func (s *suite) globalTimeout(t *testing.T) {
	f := s.flow(t, "ro26")
	f.upTo(api.Executing)
	f.edit(func(status *api.RemediationRequestStatus) {
		status.TimeoutConfig = &api.TimeoutConfig{Global: &metav1.Duration{Duration: time.Second}}
	})
	request := f.await(api.TimedOut)
	if got := request.Status; got.TimeoutPhase != api.Executing || !got.RequiresManualReview {
		t.Errorf("got %+v, want a timeout in Executing and a manual review", got)
	}
	f.wantMessage(request, api.ManualReviewNotificationName(f.name), api.ManualReviewNeeded, "Executing")
}

func (s *suite) failedWorkflow(t *testing.T) {
	f := s.flow(t, "ro15")
	f.upTo(api.Executing)
	f.execute(func(status *api.WorkflowExecutionStatus) {
		status.Phase, status.FailureReason = api.WorkflowExecutionFailed, "TaskFailed"
		status.FailureDetails = &api.FailureDetails{
			Reason: "TaskFailed", FailedAt: metav1.Now(), NaturalLanguageSummary: "the workflow's container ended with exit code 1", WasExecutionFailure: true,
		}
	})
	request := f.await(api.Failed)
	got := request.Status
	if got.FailurePhase != api.Executing || got.FailureReason != "TaskFailed" || got.ConsecutiveFailureCount != 1 || !got.RequiresManualReview {
		t.Errorf("got %+v, want TaskFailed in Executing, and a review of what the workflow touched", got)
	}
	f.wantMessage(request, api.ManualReviewNotificationName(f.name), api.ManualReviewNeeded, "exit code 1")
}

func (s *suite) auditTrail(t *testing.T) {
	f := s.flow(t, "ro18")
	f.upTo(api.AwaitingApproval)
	f.decide(api.Approved)
	f.await(api.Executing)
	f.execute(nil)
	f.await(api.Completed)
	want := []string{
		string(api.EventLifecycleCreated), string(api.EventLifecycleStarted), "Pending→Processing", "Processing→Analyzing",
		string(api.EventApprovalRequested), "Analyzing→AwaitingApproval", string(api.EventApprovalApproved), "AwaitingApproval→Executing",
		"Executing→Completed", string(api.EventLifecycleCompleted),
	}
	s.wantTrail(t, f.name, want...)
	s.wantDecider(t, f.name)
	rar := &api.RemediationApprovalRequest{ObjectMeta: metav1.ObjectMeta{Name: api.ApprovalRequestName(f.name), Namespace: s.Namespace}}
	if err := s.Client.Delete(t.Context(), rar); err != nil {
		t.Fatal(err)
	}
	s.wantTrail(t, f.name, want...)
}

// wantDecider wants the approval's event to tell who approved.
func (s *suite) wantDecider(t *testing.T, correlation string) {
	t.Helper()
	page, err := s.DataStorage.Events(t.Context(), url.Values{"correlation_id": {correlation}, "event_type": {string(api.EventApprovalApproved)}})
	if err != nil || len(page.Data) != 1 {
		t.Fatalf("got %d events of the approval and error %v, want 1", len(page.Data), err)
	}
	var got struct{ DecidedBy, WorkflowID string }
	if err := json.Unmarshal(page.Data[0].Data, &got); err != nil || got.DecidedBy != user || got.WorkflowID != workflowID {
		t.Errorf("approval event: got %s, want %s and %s", page.Data[0].Data, user, workflowID)
	}
}

func (s *suite) backoff(t *testing.T) {
	failed := s.flow(t, "ro19")
	failed.fail(0)
	f := s.start(t, s.signal("ro19"), 2)
	if got := f.await(api.Blocked).Status; got.BlockReason != api.BlockExponentialBackoff || got.BlockedUntil == nil {
		t.Errorf("got %+v, want a block by back-off", got)
	}
	failed.endedAt(time.Now().Add(-2 * time.Minute))
	f.await(api.Processing)
}

func (s *suite) duplicate(t *testing.T) {
	first := s.flow(t, "ro20")
	first.upTo(api.Processing)
	f := s.start(t, s.signal("ro20"), 2)
	if got := f.await(api.Blocked).Status; got.BlockReason != api.BlockDuplicateInProgress || got.DuplicateOf != first.name {
		t.Errorf("got %+v, want a duplicate of %s", got, first.name)
	}
	first.edit(func(status *api.RemediationRequestStatus) { status.OverallPhase = api.Cancelled })
	if got := f.await(api.Processing).Status; got.DuplicateOf != "" {
		t.Errorf("got %+v, want no duplicate any more", got)
	}
}

func (s *suite) occurrences(t *testing.T) {
	f := s.flow(t, "ro21")
	for count := range int32(20) {
		f.edit(func(status *api.RemediationRequestStatus) {
			status.Deduplication = &api.Deduplication{FirstSeenAt: metav1.Now(), LastSeenAt: metav1.Now(), OccurrenceCount: count + 1}
		})
	}
	f.upTo(api.Executing)
	f.execute(nil)
	request := f.await(api.Completed)
	if got := request.Status.Deduplication; got == nil || got.OccurrenceCount != 20 {
		t.Errorf("got %+v, want 20 occurrences", got)
	}
	f.wantMessage(request, api.CompletionNotificationName(f.name), api.StatusUpdate, "20 times")
}

func (s *suite) deletedChild(t *testing.T) {
	f := s.flow(t, "ro22")
	f.upTo(api.Analyzing)
	aa := &api.AIAnalysis{ObjectMeta: metav1.ObjectMeta{Name: api.AIAnalysisName(f.name), Namespace: s.Namespace}}
	if err := s.Client.Delete(t.Context(), aa); err != nil {
		t.Fatal(err)
	}
	if got := f.await(api.Failed).Status; got.FailurePhase != api.Analyzing || got.FailureReason != "AIAnalysisDeleted" {
		t.Errorf("got %+v, want AIAnalysisDeleted in Analyzing", got)
	}
}

func (s *suite) refusedChild(t *testing.T) {
	f := s.flow(t, "ro23")
	f.upTo(api.Analyzing)
	f.analyze(func(status *api.AIAnalysisStatus) { status.SelectedWorkflow.ContainerImage = "" })
	if got := f.await(api.Failed).Status; got.FailurePhase != api.Analyzing || got.FailureReason != "WorkflowExecutionRefused" {
		t.Errorf("got %+v, want WorkflowExecutionRefused in Analyzing", got)
	}
}

func (s *suite) observed(t *testing.T) {
	completed := func() float64 { return s.metric(t, "phase_transitions_total", `to="Completed"`) }
	durations := func() float64 { return s.metric(t, "remediation_duration_seconds_count", `phase="Completed"`) }
	before, measured := completed(), durations()
	f := s.flow(t, "ro24")
	f.upTo(api.Executing)
	f.execute(nil)
	f.await(api.Completed)
	// Other tests complete requests at the same time.
	if after := completed(); after < before+1 {
		t.Errorf("transitions to Completed: got %v after %v, want one more", after, before)
	}
	if after := durations(); after < measured+1 {
		t.Errorf("durations: got %v after %v, want one more", after, measured)
	}
	s.Eventually(t, func(ctx context.Context) error {
		got, err := s.kubernetesEvents(ctx, f.name)
		if err != nil {
			return err
		}
		for _, phase := range []api.Phase{api.Pending, api.Processing, api.Analyzing, api.Executing, api.Completed} {
			if !got[string(phase)] {
				return fmt.Errorf("events of %s: got %v, want %s, too", f.name, got, phase)
			}
		}
		return nil
	})
}

func (s *suite) cancelled(t *testing.T) {
	f := s.flow(t, "ro25")
	f.upTo(api.Processing)
	f.edit(func(status *api.RemediationRequestStatus) { status.OverallPhase = api.Cancelled })
	f.process(nil)
	// The orchestrator takes one change after the other: once it is done with a later request, it has seen the write above.
	after := s.start(t, s.signal("ro25"), 2)
	after.upTo(api.Analyzing)
	f.wantNone(api.AIAnalysisName(f.name), &api.AIAnalysis{})
	f.await(api.Cancelled)
}

// restarted changes the settings in the middle of a flow, which gives it a new orchestrator.
func (s *suite) restarted(t *testing.T) {
	f := s.flow(t, "ro27")
	f.upTo(api.Processing)
	s.wantTrail(t, f.name, string(api.EventLifecycleCreated), string(api.EventLifecycleStarted), "Pending→Processing")
	restore, err := s.SetFlags(t.Context(), api.RemediationOrchestrator, "--approval-timeout=1s")
	t.Cleanup(func() {
		if restore != nil {
			err = restore(context.WithoutCancel(t.Context()))
		}
		if err != nil {
			t.Errorf("restoring the orchestrator: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	f.upTo(api.Analyzing)
	f.analyze(needsApproval)
	f.wantExpired()
	s.wantTrail(t, f.name,
		string(api.EventLifecycleCreated), string(api.EventLifecycleStarted), "Pending→Processing", "Processing→Analyzing",
		string(api.EventApprovalRequested), "Analyzing→AwaitingApproval", string(api.EventApprovalRejected), "AwaitingApproval→Failed",
		string(api.EventLifecycleFailed))
}

// withoutDataStorage comes last: with its database in memory, datastorage forgets all other trails.
func (s *suite) withoutDataStorage(t *testing.T) {
	before, err := s.Scale(t.Context(), api.DataStorage, 0)
	restore := func() {
		if _, err := s.Scale(context.WithoutCancel(t.Context()), api.DataStorage, before); err != nil {
			t.Errorf("restoring datastorage: %v", err)
		}
	}
	t.Cleanup(restore)
	if err != nil {
		t.Fatal(err)
	}
	f := s.flow(t, "ro28")
	f.upTo(api.Executing)
	f.execute(nil)
	f.await(api.Completed)
	restore()
	s.wantTrail(t, f.name, string(api.EventLifecycleCreated), string(api.EventLifecycleStarted), "Pending→Processing", "Processing→Analyzing",
		"Analyzing→Executing", "Executing→Completed", string(api.EventLifecycleCompleted))
}

// remove deletes the request of a flow that is not about the run's own namespace.
func (f *flow) remove() {
	request := &api.RemediationRequest{ObjectMeta: metav1.ObjectMeta{Name: f.name, Namespace: f.Namespace}}
	if err := client.IgnoreNotFound(f.Client.Delete(context.WithoutCancel(f.t.Context()), request)); err != nil {
		f.t.Errorf("removing %s: %v", f.name, err)
	}
}
