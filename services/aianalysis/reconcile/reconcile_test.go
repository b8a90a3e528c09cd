package reconcile_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/aianalysis/reconcile"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/policy"
)

// allPhases is the way of an analysis on which nothing goes wrong.
var allPhases = []v1alpha1.AIAnalysisPhase{
	v1alpha1.AIAnalysisPending, v1alpha1.AIAnalysisInvestigating, v1alpha1.AIAnalysisAnalyzing, v1alpha1.AIAnalysisCompleted,
}

// once are the events of such an analysis.
func once() map[string]int {
	return map[string]int{
		"Pending-Investigating": 1, "Investigating-Analyzing": 1, "Analyzing-Completed": 1,
		"aianalysis.holmesgpt.call": 1, "aianalysis.rego.evaluation": 1, "aianalysis.approval.decision": 1, "aianalysis.analysis.completed": 1,
	}
}

func TestAnalysisGoesThroughEveryPhase(t *testing.T) {
	w := newWorld(t, analysis(), answer(good()))
	if result := w.reconcile(t); result.RequeueAfter != 0 {
		t.Errorf("a finished analysis is looked at again after %s", result.RequeueAfter)
	}
	if diff := cmp.Diff(allPhases, w.written); diff != "" {
		t.Errorf("written phases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	got, inChain := w.status(t), true
	want := v1alpha1.AIAnalysisStatus{
		Phase: v1alpha1.AIAnalysisCompleted, Reason: "AnalysisCompleted", Message: "workflow w was selected: Auto-approved",
		StartedAt: got.StartedAt, CompletedAt: got.CompletedAt, PhaseStartedAt: got.CompletedAt,
		RootCause:            "too little memory",
		RootCauseAnalysis:    &v1alpha1.RootCauseAnalysis{Summary: "too little memory", Severity: "high", SignalType: "OOMKilled", ContributingFactors: []string{"traffic"}},
		SelectedWorkflow:     &v1alpha1.SelectedWorkflow{WorkflowID: "w", Version: "1.0.0", ContainerImage: "i", ContainerDigest: "sha256:d", Confidence: 0.95, Rationale: "r", Parameters: map[string]string{"A": "b"}},
		AlternativeWorkflows: []v1alpha1.AlternativeWorkflow{{WorkflowID: "v", Confidence: 0.5, Rationale: "s"}},
		ApprovalReason:       "Auto-approved", InvestigationID: "ai-1", TargetInOwnerChain: &inChain, DegradedMode: true,
		ValidationAttemptsHistory: []v1alpha1.ValidationAttempt{{Attempt: 1, WorkflowID: "w", IsValid: true, Timestamp: got.ValidationAttemptsHistory[0].Timestamp}},
		Conditions:                got.Conditions,
	}
	if diff := cmp.Diff(want, got); diff != "" || got.StartedAt == nil || got.CompletedAt == nil {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if !meta.IsStatusConditionTrue(got.Conditions, reconcile.InvestigationComplete) || !meta.IsStatusConditionTrue(got.Conditions, reconcile.ApprovalDecided) {
		t.Errorf("conditions: got %+v, want both true", got.Conditions)
	}
	if len(w.told.Events) != 3 {
		t.Errorf("got %d Kubernetes events, want one per transition", len(w.told.Events))
	}
}

func TestEventsBelongToTheFlow(t *testing.T) {
	w := newWorld(t, analysis(), answer(good()))
	w.reconcile(t)
	for _, event := range w.trail.events {
		if event.CorrelationID != "rr-1" || event.ResourceID != "ai-1" || event.Category != names.CategoryAnalysis || event.Severity != "high" {
			t.Errorf("event %+v, want correlation id rr-1, resource ai-1 and the signal's severity", event)
		}
	}
}

// A controller that ended between a write and its event, or that reads an old object, records the same ids again.
func TestEventsHaveTheSameIDsInEveryProcess(t *testing.T) {
	ids := func() (all []string) {
		w := newWorld(t, analysis(), refuse(errors.New("down")), refuse(errors.New("down")), answer(good()))
		for range 3 {
			w.reconcile(t)
		}
		for _, event := range w.trail.events {
			all = append(all, event.ID)
		}
		return all
	}
	first, again := ids(), ids()
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("ids (-first +again):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, id := range first {
		if seen[id] {
			t.Errorf("two events have the id %s", id)
		}
		seen[id] = true
	}
}

func TestProductionAsksForAnApproval(t *testing.T) {
	object := analysis()
	object.Spec.AnalysisRequest.SignalContext.Environment = "production"
	w := newWorld(t, object, answer(good()))
	w.reconcile(t)
	got := w.status(t)
	if !got.ApprovalRequired || got.ApprovalReason != "Production target" || got.Phase != v1alpha1.AIAnalysisCompleted {
		t.Errorf("got %+v, want Completed with an approval for production", got)
	}
	want := &v1alpha1.ApprovalContext{
		Reason: "Production target", ConfidenceScore: 0.95, ConfidenceLevel: v1alpha1.HighConfidence, InvestigationSummary: "too little memory",
		WhyApprovalRequired: "the policy aianalysis.approval requires an approval: Production target",
		PolicyHash:          w.reconciler.Policies.(*policy.Set).Hash(),
	}
	if diff := cmp.Diff(want, got.ApprovalContext); diff != "" {
		t.Errorf("approval context (-want +got):\n%s", diff)
	}
	events := once()
	delete(events, "aianalysis.approval.decision")
	events["aianalysis.approval.decision pending"] = 1
	if diff := cmp.Diff(events, w.trail.counts()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.metric(t, "kubernaut_aianalysis_approval_decisions_total", "true"); got != 1 {
		t.Errorf("approvals: got %v, want 1", got)
	}
}

func TestRestartGoesOnWithTheStoredPhase(t *testing.T) {
	for broken := 1; broken <= len(allPhases); broken++ {
		down, writes := errors.New("the API server is down"), 0
		w := newBrokenWorld(t, analysis(), func(ctx context.Context, _ client.Client, object client.Object, write update) error {
			if writes++; writes == broken {
				return down
			}
			return write(ctx, object)
		}, answer(good()))
		if _, err := w.reconciler.Reconcile(t.Context(), request); !errors.Is(err, down) {
			t.Errorf("write %d: got error %v, want %v", broken, err, down)
		}
		w.reconcile(t)
		if diff := cmp.Diff(allPhases, w.written); diff != "" {
			t.Errorf("write %d: phases (-want +got):\n%s", broken, diff)
		}
		if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
			t.Errorf("write %d: events (-want +got):\n%s", broken, diff)
		}
	}
}

// Somebody else's label must not cost an investigation.
func TestAnswerIsWrittenOverAnUnrelatedChange(t *testing.T) {
	writes := 0
	w := newBrokenWorld(t, analysis(), func(ctx context.Context, c client.Client, object client.Object, write update) error {
		if writes++; writes == 3 {
			var other v1alpha1.AIAnalysis
			if err := c.Get(ctx, request.NamespacedName, &other); err != nil {
				return err
			}
			other.Labels = map[string]string{"a": "b"}
			if err := c.Update(ctx, &other); err != nil {
				return err
			}
		}
		return write(ctx, object)
	}, answer(good()))
	w.reconcile(t)
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" || w.calls != 1 {
		t.Errorf("%d calls, want 1; events (-want +got):\n%s", w.calls, diff)
	}
}

func TestForeignStatusIsNotOverwritten(t *testing.T) {
	writes := 0
	w := newBrokenWorld(t, analysis(), func(ctx context.Context, c client.Client, object client.Object, write update) error {
		if writes++; writes == 3 {
			var other v1alpha1.AIAnalysis
			if err := c.Get(ctx, request.NamespacedName, &other); err != nil {
				return err
			}
			other.Status.Phase = v1alpha1.AIAnalysisFailed
			if err := c.SubResource("status").Update(ctx, &other); err != nil {
				return err
			}
		}
		return write(ctx, object)
	}, answer(good()))
	if result := w.reconcile(t); result.RequeueAfter == 0 {
		t.Error("after a conflict the object is not looked at again")
	}
	w.reconcile(t)
	if diff := cmp.Diff(map[string]int{"Pending-Investigating": 1}, w.trail.counts()); diff != "" || w.status(t).Phase != v1alpha1.AIAnalysisFailed {
		t.Errorf("phase %s, events (-want +got):\n%s", w.status(t).Phase, diff)
	}
}

func TestFinishedAndDeletedObjectsAreLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.AIAnalysis){
		"completed": func(o *v1alpha1.AIAnalysis) { o.Status.Phase = v1alpha1.AIAnalysisCompleted },
		"failed":    func(o *v1alpha1.AIAnalysis) { o.Status.Phase = v1alpha1.AIAnalysisFailed },
		"deleted": func(o *v1alpha1.AIAnalysis) {
			now := metav1.Now()
			o.DeletionTimestamp, o.Finalizers = &now, []string{"e2e/hold"}
		},
		"gone": func(o *v1alpha1.AIAnalysis) { o.Name = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			object := analysis()
			change(object)
			w := newWorld(t, object, answer(good()))
			if result := w.reconcile(t); result.RequeueAfter != 0 || len(w.written) != 0 || len(w.trail.events) != 0 || w.calls != 0 {
				t.Errorf("got another look after %s, writes %v, events %v and %d calls, want nothing", result.RequeueAfter, w.written, w.trail.events, w.calls)
			}
		})
	}
}

func TestDeletionDuringACallIsNoError(t *testing.T) {
	w := newBrokenWorld(t, at(v1alpha1.AIAnalysisInvestigating, 0), func(context.Context, client.Client, client.Object, update) error {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "aianalyses"}, "ai-1")
	}, answer(good()))
	if result := w.reconcile(t); result.RequeueAfter != 0 || len(w.trail.events) != 0 {
		t.Errorf("got another look after %s and events %v, want nothing", result.RequeueAfter, w.trail.events)
	}
}

func TestAnalysesWaitForPolicies(t *testing.T) {
	w := newWorld(t, analysis(), answer(good()))
	w.reconciler.Policies = policy.Open(t.Context(), policy.Config{Dir: t.TempDir()})
	if result := w.reconcile(t); result.RequeueAfter == 0 || len(w.written) != 0 || w.calls != 0 {
		t.Errorf("got another look after %s, writes %v and %d calls, want a wait alone", result.RequeueAfter, w.written, w.calls)
	}
}

// The process is told to end while a call is under way: the answer is still taken, and the next process does the rest.
func TestEndOfTheProcessLetsACallEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, analysis(), func(calling context.Context) (holmesgpt.Response, error) {
		cancel()
		return good(), calling.Err()
	})
	// Whether the decision about an approval still comes before the end is a matter of chance.
	if _, err := w.reconciler.Reconcile(ctx, request); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want none or %v", err, context.Canceled)
	}
	if got := w.status(t); got.Phase == v1alpha1.AIAnalysisInvestigating || got.SelectedWorkflow == nil {
		t.Errorf("got %+v, want the answer", got)
	}
	w.reconcile(t)
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" || w.calls != 1 {
		t.Errorf("%d calls, want 1; events (-want +got):\n%s", w.calls, diff)
	}
}

func TestEndOfTheProcessIsNoFailedTry(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, analysis(), func(context.Context) (holmesgpt.Response, error) {
		cancel()
		return holmesgpt.Response{}, errors.New("cut off")
	}, answer(good()))
	if _, err := w.reconciler.Reconcile(ctx, request); err == nil {
		t.Error("got no error")
	}
	if got := w.status(t); got.Phase != v1alpha1.AIAnalysisInvestigating || got.ConsecutiveFailures != 0 {
		t.Errorf("got %+v, want Investigating as before", got)
	}
	w.reconcile(t)
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
