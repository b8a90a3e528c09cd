package aianalysis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// Environments for which the catalogue has workflows.
const (
	staging    = "staging"
	production = "production"
)

// suite is what the subtests share.
type suite struct{ *session.Session }

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{session.Connect(t, "aianalysis")}
	if err := s.Steady(t.Context(), api.DataStorage, s.DataStorage.Service, "/health/ready"); err != nil {
		t.Fatal(err)
	}
	s.Publish(t, append(records.Remedies(staging), records.Remedies(production)...)...)
	s.settle(t, api.MockLLM, api.HolmesGPTAPI, api.AIAnalysisComponent)
	// The node's way to a Service opens a moment after its pods are ready; until then tries fail, which others must not see.
	s.analyse(t, s.analysis("first", "OOMKilled", staging), api.AIAnalysisCompleted, "")
	return s
}

// settle waits until programs have all their pods.
func (s *suite) settle(t *testing.T, components ...string) {
	t.Helper()
	for _, component := range components {
		if err := s.Settled(t.Context(), component); err != nil {
			t.Fatal(err)
		}
	}
}

// analysis returns an analysis that no other test and no other run has, of a signal about the run's own target.
func (s *suite) analysis(test, signalType, environment string) *api.AIAnalysis {
	flow := "rr-e2e-" + s.Run + "-" + test
	return &api.AIAnalysis{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "ai-e2e-" + s.Run + "-" + test},
		Spec: api.AIAnalysisSpec{
			RemediationRequestRef: api.ObjectReference{Name: flow}, RemediationID: flow,
			AnalysisRequest: api.AnalysisRequest{SignalContext: api.SignalContext{
				Fingerprint: strings.Repeat("0123456789abcdef", 4), Severity: "critical", SignalType: signalType, Environment: environment,
				BusinessPriority: "P1", Message: "the workload fails",
				TargetResource: api.TargetResource{Kind: "Deployment", Name: "web", Namespace: s.TargetNamespace()},
			}},
		},
	}
}

// create makes an object that the test's end removes.
func (s *suite) create(t *testing.T, object *api.AIAnalysis) {
	t.Helper()
	if err := s.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	session.Finally(t, func(ctx context.Context) error { return client.IgnoreNotFound(s.Client.Delete(ctx, object)) })
	t.Cleanup(func() {
		if t.Failed() {
			s.show(t, object.Name)
		}
	})
}

// show logs a status for the reader of a failure.
func (s *suite) show(t *testing.T, name string) {
	var object api.AIAnalysis
	err := s.Client.Get(context.WithoutCancel(t.Context()), client.ObjectKey{Namespace: s.Namespace, Name: name}, &object)
	text, _ := json.MarshalIndent(object.Status, "", "  ")
	t.Logf("status of %s: %s %v", name, text, err)
}

// analyse creates an analysis and returns it finished, in the phase.
func (s *suite) analyse(t *testing.T, object *api.AIAnalysis, phase api.AIAnalysisPhase, subReason api.AnalysisSubReason) api.AIAnalysis {
	t.Helper()
	s.create(t, object)
	return s.finish(t, object, phase, subReason)
}

// finish waits until an analysis is finished and returns it.
func (s *suite) finish(t *testing.T, object *api.AIAnalysis, phase api.AIAnalysisPhase, subReason api.AnalysisSubReason) api.AIAnalysis {
	t.Helper()
	got := s.await(t, object, "an end", func(status api.AIAnalysisStatus) bool { return status.Phase.Terminal() })
	if got.Status.Phase != phase || got.Status.SubReason != subReason || got.Status.CompletedAt == nil {
		t.Fatalf("%s: got %s with %q: %s; want %s with %q", object.Name, got.Status.Phase, got.Status.SubReason, got.Status.Message, phase, subReason)
	}
	return got
}

// await waits until an analysis's status is as wanted.
func (s *suite) await(t *testing.T, object *api.AIAnalysis, what string, wanted func(api.AIAnalysisStatus) bool) (got api.AIAnalysis) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(object), &got); err != nil {
			return err
		}
		if !wanted(got.Status) {
			return fmt.Errorf("%s is in phase %q with %d failures (%s), want %s", object.Name, got.Status.Phase, got.Status.ConsecutiveFailures, got.Status.Message, what)
		}
		return nil
	})
	return got
}

// controller returns the name of the controller's one pod.
func (s *suite) controller(t *testing.T) string {
	t.Helper()
	pods, err := s.Pods(t.Context(), api.AIAnalysisComponent)
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods and error %v, want 1", len(pods), err)
	}
	return pods[0].Name
}

// scrape reads the controller's metrics.
func (s *suite) scrape(t *testing.T) wire.Response {
	t.Helper()
	response, err := s.GetFromPod(t.Context(), s.controller(t), api.MetricsPort, "/metrics")
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("metrics: got %d %s and error %v, want 200", response.Status, response.Body, err)
	}
	return response
}

// trail waits until datastorage has exactly these events of an analysis, by title, and returns them in their order. Those
// of holmesgpt-api and of the catalogue, which belong to the same flow, are left out.
func (s *suite) trail(t *testing.T, object api.AIAnalysis, want map[string]int) []api.AuditEvent {
	t.Helper()
	return s.WantTitles(t, object.Spec.RemediationRequestRef.Name, want, func(event api.AuditEvent) string {
		if event.ActorID != api.AIAnalysisComponent {
			return ""
		}
		return title(event)
	})
}

func (s *suite) events(ctx context.Context, object api.AIAnalysis) (own []api.AuditEvent, err error) {
	all, err := s.Flow(ctx, object.Spec.RemediationRequestRef.Name)
	for _, event := range all {
		if event.ActorID == api.AIAnalysisComponent {
			own = append(own, event)
		}
	}
	return own, err
}

// title is an event's type, with its outcome where that is not success; transitions stand under their phases.
func title(event api.AuditEvent) string {
	var data struct{ From, To string }
	switch {
	case event.Type == api.EventAnalysisPhase && json.Unmarshal(event.Data, &data) == nil:
		return data.From + "-" + data.To
	case event.Outcome != api.OutcomeSuccess:
		return string(event.Type) + " " + string(event.Outcome)
	}
	return string(event.Type)
}

// completed are the events of an analysis on which nothing went wrong.
func completed() map[string]int {
	return map[string]int{
		"Pending-Investigating": 1, "Investigating-Analyzing": 1, "Analyzing-Completed": 1,
		string(api.EventHolmesGPTCall): 1, string(api.EventRegoEvaluation): 1, string(api.EventApprovalDecision): 1, string(api.EventAnalysisCompleted): 1,
	}
}
