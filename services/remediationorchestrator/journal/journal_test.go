package journal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/journal"
)

// book keeps what is told.
type book struct {
	trail []audit.Event
	notes []string
}

func (b *book) Record(events ...audit.Event) { b.trail = append(b.trail, events...) }

func (b *book) Eventf(_, _ runtime.Object, _, _, _, note string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(note, args...))
}

func request(version string, phase v1alpha1.Phase) *v1alpha1.RemediationRequest {
	made := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	r := &v1alpha1.RemediationRequest{ObjectMeta: metav1.ObjectMeta{
		Name: "rr-1", Namespace: "kubernaut-system", UID: "u", ResourceVersion: version, CreationTimestamp: metav1.NewTime(made),
	}}
	r.Status.OverallPhase = phase
	if phase.Terminal() {
		end := metav1.NewTime(made.Add(90 * time.Second))
		r.Status.CompletedAt = &end
	}
	return r
}

func newJournal() (*journal.Journal, *book, *prometheus.Registry) {
	b, registry := &book{}, prometheus.NewRegistry()
	return journal.New(b, b, journal.NewMetrics(registry)), b, registry
}

func TestRepeatedEntryIsTheSameEvent(t *testing.T) {
	j, b, _ := newJournal()
	blocked := request("2", v1alpha1.Blocked)
	blocked.Status.BlockReason = v1alpha1.BlockResourceBusy
	for range 2 {
		j.Transition(request("1", v1alpha1.Analyzing), blocked, &v1alpha1.RemediationApprovalRequest{ObjectMeta: metav1.ObjectMeta{UID: "rar"}})
	}
	if len(b.trail) != 6 {
		t.Fatalf("got %d events, want 3 twice", len(b.trail))
	}
	for i := range 3 {
		if b.trail[i].ID != b.trail[i+3].ID || b.trail[i].Type != b.trail[i+3].Type {
			t.Errorf("%s: got ids %s and %s, want the same", b.trail[i].Type, b.trail[i].ID, b.trail[i+3].ID)
		}
	}
}

func TestSecondBlockIsAnotherEvent(t *testing.T) {
	j, b, _ := newJournal()
	blocked := request("2", v1alpha1.Blocked)
	blocked.Status.BlockReason = v1alpha1.BlockResourceBusy
	j.Transition(request("1", v1alpha1.Analyzing), blocked, nil)
	j.Transition(request("7", v1alpha1.Analyzing), blocked, nil)
	for i := range 2 {
		if b.trail[i].ID == b.trail[i+2].ID {
			t.Errorf("%s: both have the id %s", b.trail[i].Type, b.trail[i].ID)
		}
	}
}

func TestLastEventTellsHowItEnded(t *testing.T) {
	j, b, _ := newJournal()
	failed := request("2", v1alpha1.Failed)
	failed.Status.FailurePhase, failed.Status.FailureReason, failed.Status.Message = v1alpha1.Executing, "TaskFailed", strings.Repeat("ü", 1000)
	j.Transition(request("1", v1alpha1.Executing), failed, nil)
	last := b.trail[len(b.trail)-1]
	var data map[string]any
	if err := json.Unmarshal(last.Data, &data); err != nil {
		t.Fatal(err)
	}
	got := []any{last.Type, last.Outcome, *last.DurationMS, data["phase"], data["failurePhase"], data["failureReason"]}
	want := []any{names.EventLifecycleFailed, names.OutcomeFailure, int64(90_000), "Failed", "Executing", "TaskFailed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if note := b.notes[0]; len(note) > 1024 || !strings.HasPrefix(note, "ü") {
		t.Errorf("note of %d bytes, want at most 1024", len(note))
	}
}

func TestApprovalEventsHoldTheDecision(t *testing.T) {
	for decision, want := range map[v1alpha1.Decision]names.EventType{
		v1alpha1.Undecided: names.EventApprovalRequested, v1alpha1.Approved: names.EventApprovalApproved,
		v1alpha1.Rejected: names.EventApprovalRejected, v1alpha1.Expired: names.EventApprovalRejected,
	} {
		j, b, _ := newJournal()
		approval := &v1alpha1.RemediationApprovalRequest{ObjectMeta: metav1.ObjectMeta{Name: "rar-rr-1", UID: "rar"}}
		approval.Status = v1alpha1.RemediationApprovalRequestStatus{Decision: decision, DecidedBy: "alice"}
		j.Transition(request("1", v1alpha1.Analyzing), request("2", v1alpha1.AwaitingApproval), approval)
		got := b.trail[0]
		if got.Type != want || got.Category != names.CategoryApproval || got.ResourceID != "rar-rr-1" || got.CorrelationID != "rr-1" || !strings.Contains(string(got.Data), `"decidedBy":"alice"`) {
			t.Errorf("%q: got %+v, want %s about the approval request", decision, got, want)
		}
	}
}

func TestMetrics(t *testing.T) {
	j, _, registry := newJournal()
	blocked := request("2", v1alpha1.Blocked)
	blocked.Status.BlockReason = v1alpha1.BlockResourceBusy
	j.Transition(request("1", v1alpha1.Analyzing), blocked, nil)
	j.Transition(request("3", v1alpha1.Executing), request("4", v1alpha1.Completed), nil)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.Metric {
			got[family.GetName()] += metric.GetCounter().GetValue() + metric.GetHistogram().GetSampleSum()
		}
	}
	want := map[string]float64{
		"kubernaut_remediationorchestrator_phase_transitions_total":      2,
		"kubernaut_remediationorchestrator_remediation_duration_seconds": 90,
		"kubernaut_remediationorchestrator_blocked_total":                1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
