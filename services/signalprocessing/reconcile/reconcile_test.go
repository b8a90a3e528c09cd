package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/policy"
	"github.com/kubernaut/kubernaut/services/signalprocessing/reconcile"
)

// allPhases is the way of a signal on which nothing goes wrong.
var allPhases = []v1alpha1.SignalProcessingPhase{
	v1alpha1.SignalProcessingPending, v1alpha1.SignalProcessingEnriching, v1alpha1.SignalProcessingClassifying,
	v1alpha1.SignalProcessingCategorizing, v1alpha1.SignalProcessingCompleted,
}

// once are the events of such a signal.
func once() map[string]int {
	return map[string]int{
		"signalprocessing.enrichment.completed": 1, "signalprocessing.classification.decision": 1, "signalprocessing.business.classified": 1,
		"signalprocessing.signal.processed": 1,
		"Pending-Enriching":                 1, "Enriching-Classifying": 1, "Classifying-Categorizing": 1, "Categorizing-Completed": 1,
	}
}

func TestSignalGoesThroughEveryPhase(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	if result := w.reconcile(t); result.RequeueAfter != 0 {
		t.Errorf("a finished signal is looked at again after %s", result.RequeueAfter)
	}
	if diff := cmp.Diff(allPhases, w.phases()); diff != "" {
		t.Errorf("written phases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
		t.Errorf("events and transitions (-want +got):\n%s", diff)
	}
	got := w.object(t).Status
	if got.StartTime == nil || got.CompletionTime == nil || got.EnvironmentClassification.ClassifiedAt.IsZero() || got.PriorityAssignment.AssignedAt.IsZero() {
		t.Errorf("times are missing: %+v", got)
	}
	summary := []string{
		got.EnvironmentClassification.Environment, got.PriorityAssignment.Priority, got.Severity, got.BusinessClassification.Criticality,
		got.KubernetesContext.CustomLabels["team"], got.PolicyHash,
	}
	if diff := cmp.Diff([]string{"production", "P1", "medium", "high", "a", w.policies.Hash()}, summary); diff != "" {
		t.Errorf("environment, priority, severity, criticality, custom label, policy hash (-want +got):\n%s", diff)
	}
	if !got.KubernetesContext.DetectedLabels.IsProduction || got.KubernetesContext.DegradedMode {
		t.Errorf("context: got %+v, want production and not degraded", got.KubernetesContext)
	}
	if !meta.IsStatusConditionTrue(got.Conditions, reconcile.EnrichmentComplete) || len(got.Conditions) != 1 {
		t.Errorf("conditions: got %+v, want a complete enrichment alone", got.Conditions)
	}
}

func TestEventsBelongToTheFlow(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.reconcile(t)
	for _, event := range w.trail.events {
		if event.CorrelationID != "rr-1" || event.ResourceID != "sp-1" || event.Category != names.CategorySignalProcessing || event.Outcome != names.OutcomeSuccess {
			t.Errorf("event %+v, want correlation id rr-1, resource sp-1, and success", event)
		}
	}
}

// A controller that ended between a write and its event, or that reads an old object, records the same ids again.
func TestEventsHaveTheSameIDsInEveryProcess(t *testing.T) {
	ids := func() (all []string) {
		w := newWorld(t, interceptor.Funcs{})
		w.reconcile(t)
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

func TestRestartGoesOnWithTheStoredPhase(t *testing.T) {
	for broken := 1; broken <= len(allPhases); broken++ {
		down := errors.New("the API server is down")
		writes := 0
		w := newWorld(t, interceptor.Funcs{SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
			if writes++; writes == broken {
				return down
			}
			return c.SubResource(sub).Update(ctx, object, options...)
		}})
		if _, err := w.reconciler.Reconcile(t.Context(), request); !errors.Is(err, down) {
			t.Errorf("write %d: got error %v, want %v", broken, err, down)
		}
		w.reconcile(t)
		if diff := cmp.Diff(allPhases, w.phases()); diff != "" {
			t.Errorf("write %d: phases (-want +got):\n%s", broken, diff)
		}
		if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
			t.Errorf("write %d: events (-want +got):\n%s", broken, diff)
		}
		if got := w.object(t).Status; got.ConsecutiveFailures != 0 || got.Error != "" {
			t.Errorf("write %d: a failed write counts as a failed signal: %+v", broken, got)
		}
	}
}

func TestConflictIsTriedAgainWithoutAFailure(t *testing.T) {
	writes := 0
	w := newWorld(t, interceptor.Funcs{SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
		if writes++; writes == 3 {
			return apierrors.NewConflict(schema.GroupResource{Resource: "signalprocessings"}, object.GetName(), errors.New("old"))
		}
		return c.SubResource(sub).Update(ctx, object, options...)
	}})
	if result := w.reconcile(t); result.RequeueAfter == 0 {
		t.Error("after a conflict the object is not looked at again")
	}
	w.reconcile(t)
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestFinishedAndDeletedObjectsAreLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.SignalProcessing){
		"completed": func(o *v1alpha1.SignalProcessing) { o.Status.Phase = v1alpha1.SignalProcessingCompleted },
		"failed":    func(o *v1alpha1.SignalProcessing) { o.Status.Phase = v1alpha1.SignalProcessingFailed },
		"deleted": func(o *v1alpha1.SignalProcessing) {
			now := metav1.Now()
			o.DeletionTimestamp, o.Finalizers = &now, []string{"e2e/hold"}
		},
		"gone": func(o *v1alpha1.SignalProcessing) { o.Name = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			object := signal()
			change(object)
			w := newWorldOf(t, interceptor.Funcs{}, object)
			none := policy.Open(t.Context(), policy.Config{Dir: t.TempDir()})
			for _, policies := range []policy.Readiness{w.policies, none} {
				w.reconciler.Policies = policies
				if result := w.reconcile(t); result.RequeueAfter != 0 || len(w.phases()) != 0 || len(w.trail.events) != 0 {
					t.Errorf("got another look after %s, writes %v and events %v, want nothing", result.RequeueAfter, w.phases(), w.trail.events)
				}
			}
		})
	}
}

func TestSignalsWaitForPolicies(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.reconciler.Policies = policy.Open(t.Context(), policy.Config{Dir: t.TempDir()})
	if result := w.reconcile(t); result.RequeueAfter == 0 || len(w.phases()) != 0 || len(w.trail.events) != 0 {
		t.Errorf("got another look after %s, writes %v and events %v, want a wait alone", result.RequeueAfter, w.phases(), w.trail.events)
	}
}

func TestFailingPolicyIsAskedAgainAndThenGivenUp(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{}, "priority.rego", "package signalprocessing.priority\n\npriority := \"P9\"\n\nsource := \"mine\"\n")
	var pauses []string
	for range w.reconciler.MaxFailures {
		pauses = append(pauses, w.reconcile(t).RequeueAfter.String())
	}
	if diff := cmp.Diff([]string{"1s", "2s", "0s"}, pauses); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	got := w.object(t).Status
	if got.Phase != v1alpha1.SignalProcessingFailed || got.ConsecutiveFailures != 3 || got.LastFailureTime == nil || got.CompletionTime == nil || !strings.Contains(got.Error, "P9") {
		t.Errorf("status: got %+v, want Failed after 3 tries with an error that quotes P9", got)
	}
	want := map[string]int{
		"signalprocessing.enrichment.completed": 1, "signalprocessing.error.occurred": 3,
		"Pending-Enriching": 1, "Enriching-Classifying": 1, "Classifying-Failed": 1,
	}
	if diff := cmp.Diff(want, w.trail.counts()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	ids := map[string]bool{}
	for _, event := range w.trail.events {
		ids[event.ID] = true
	}
	if len(ids) != len(w.trail.events) {
		t.Errorf("%d events have %d ids", len(w.trail.events), len(ids))
	}
}

func TestMendedPolicyEndsTheFailures(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{}, "business.rego", "package signalprocessing.business\n\ncriticality := 1\n")
	w.reconcile(t)
	if got := w.object(t).Status; got.Phase != v1alpha1.SignalProcessingCategorizing || got.ConsecutiveFailures != 1 {
		t.Errorf("status: got %+v, want one failure in Categorizing", got)
	}
	w.usePolicies(t, nil)
	w.reconcile(t)
	if got := w.object(t).Status; got.Phase != v1alpha1.SignalProcessingCompleted || got.ConsecutiveFailures != 0 || got.Error != "" || got.LastFailureTime != nil {
		t.Errorf("status: got %+v, want Completed without a trace of failures", got)
	}
}

func TestEndOfTheProcessIsNoFailureOfTheSignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld(t, interceptor.Funcs{List: func(ctx context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
		cancel()
		return ctx.Err()
	}})
	if _, err := w.reconciler.Reconcile(ctx, request); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if got := w.object(t).Status; got.Phase != v1alpha1.SignalProcessingEnriching || got.ConsecutiveFailures != 0 {
		t.Errorf("status: got %+v, want Enriching as before", got)
	}
}

// A write that has begun ends, and its event is recorded, although the process is told to end meanwhile.
func TestEndOfTheProcessLetsAWriteEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	writes := 0
	w := newWorld(t, interceptor.Funcs{SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, object client.Object, options ...client.SubResourceUpdateOption) error {
		if writes++; writes == 2 {
			cancel()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.SubResource(sub).Update(ctx, object, options...)
	}})
	if _, err := w.reconciler.Reconcile(ctx, request); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if diff := cmp.Diff(map[string]int{"Pending-Enriching": 1}, w.trail.counts()); diff != "" || w.object(t).Status.Phase != v1alpha1.SignalProcessingEnriching {
		t.Errorf("phase %s, events (-want +got):\n%s", w.object(t).Status.Phase, diff)
	}
	w.reconcile(t)
	if diff := cmp.Diff(once(), w.trail.counts()); diff != "" {
		t.Errorf("events after the next start (-want +got):\n%s", diff)
	}
}

func TestConditions(t *testing.T) {
	unreadable := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errors.New("broken")
	}}
	for name, test := range map[string]struct {
		funcs  interceptor.Funcs
		change func(*v1alpha1.SignalProcessing)
		want   map[string]string // reason by condition
		errors int               // error events
	}{
		"absent target": {interceptor.Funcs{}, func(o *v1alpha1.SignalProcessing) { o.Spec.Signal.TargetResource.Name = "gone" },
			map[string]string{reconcile.EnrichmentComplete: "TargetAbsent"}, 0},
		"unreadable": {unreadable, func(*v1alpha1.SignalProcessing) {}, map[string]string{reconcile.EnrichmentComplete: "Unreadable"}, 1},
		"other sources": {interceptor.Funcs{}, func(o *v1alpha1.SignalProcessing) { o.Spec.EnrichmentConfig.EnableMetrics = true },
			map[string]string{reconcile.EnrichmentComplete: "Read", reconcile.SourcesAvailable: "NoSuchSource"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			object := signal()
			test.change(object)
			w := newWorldOf(t, test.funcs, object)
			w.reconcile(t)
			status, got := w.object(t).Status, map[string]string{}
			for _, condition := range status.Conditions {
				got[condition.Type] = condition.Reason
			}
			if diff := cmp.Diff(test.want, got); diff != "" || status.Phase != v1alpha1.SignalProcessingCompleted {
				t.Errorf("phase %s, conditions (-want +got):\n%s", status.Phase, diff)
			}
			if got := w.trail.counts()["signalprocessing.error.occurred"]; got != test.errors {
				t.Errorf("got %d error events, want %d", got, test.errors)
			}
		})
	}
}
