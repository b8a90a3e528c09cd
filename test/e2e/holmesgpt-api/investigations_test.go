package holmesgptapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

func (s *suite) oomKilled(t *testing.T) {
	const workflow = "oomkill-increase-memory-v1"
	request := s.incident("hg1", "OOMKilled")
	id := records.WorkflowID(workflow, s.environment())
	got := s.analyze(t, incidentPath, request)
	want := api.InvestigationResponse{
		IncidentID: request.IncidentID, Analysis: got.Analysis, RootCauseAnalysis: got.RootCauseAnalysis, Confidence: 0.95,
		AffectedResource:   &api.InvestigationResource{Kind: "Deployment", Name: "web", Namespace: s.TargetNamespace()},
		TargetInOwnerChain: true,
		SelectedWorkflow: &api.InvestigationWorkflow{
			WorkflowID: id, Title: "Restart", Version: "1.0.0", ContainerImage: records.RemedyImage(workflow), ContainerDigest: records.RemedyDigest, ExecutionEngine: "job",
			Confidence: 0.95, Rationale: got.SelectedWorkflow.Rationale, Parameters: map[string]string{"MEMORY_LIMIT": "1Gi"},
		},
		Warnings: []string{}, AlternativeWorkflows: nil,
		ValidationAttemptsHistory: []api.InvestigationValidation{{Attempt: 1, WorkflowID: id, IsValid: true, Errors: []string{}}},
	}
	got.Timestamp = want.Timestamp
	for i := range got.ValidationAttemptsHistory {
		got.ValidationAttemptsHistory[i].Timestamp = want.Timestamp
	}
	if diff := contrast.DiffOfContent(want, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if cause := got.RootCauseAnalysis; cause.Summary == "" || cause.Severity != "critical" || cause.SignalType != "OOMKilled" || got.Analysis == "" {
		t.Errorf("root cause: got %+v and analysis %q", cause, got.Analysis)
	}
}

func (s *suite) crashLoop(t *testing.T) {
	s.wantWorkflow(t, s.incident("hg2", "CrashLoopBackOff"), "crashloop-config-fix-v1", 0.88, "")
}

// wantWorkflow wants an investigation that ends with a workflow.
func (s *suite) wantWorkflow(t *testing.T, request api.IncidentRequest, workflow string, confidence float64, reason api.InvestigationReason) {
	t.Helper()
	got := s.analyze(t, incidentPath, request)
	if got.SelectedWorkflow == nil || got.SelectedWorkflow.WorkflowID != records.WorkflowID(workflow, request.Environment) || got.SelectedWorkflow.ContainerImage != records.RemedyImage(workflow) {
		t.Errorf("got %+v, want %s", got, workflow)
	}
	if got.Confidence != confidence || got.HumanReviewReason != reason || got.NeedsHumanReview != (reason != "") {
		t.Errorf("got confidence %v and reason %q, want %v and %q", got.Confidence, got.HumanReviewReason, confidence, reason)
	}
}

// absentWorkflow asks in an environment in which nothing is seeded.
func (s *suite) absentWorkflow(t *testing.T) {
	request := s.incident("hg5", "OOMKilled")
	request.Environment = s.elsewhere()
	got := s.wantReview(t, request, api.ReasonWorkflowNotFound, 3)
	id := records.WorkflowID("oomkill-increase-memory-v1", s.elsewhere())
	for i, attempt := range got.ValidationAttemptsHistory {
		if attempt.Attempt != i+1 || attempt.IsValid || attempt.WorkflowID != id || len(attempt.Errors) != 1 || attempt.Timestamp.IsZero() {
			t.Errorf("attempt %d: got %+v, want an invalid one of %s", i+1, attempt, id)
		}
	}
}

func (s *suite) foreignImage(t *testing.T) {
	got := s.wantReview(t, s.incident("hg6", "MOCK_IMAGE_MISMATCH"), api.ReasonImageMismatch, 3)
	if last := got.ValidationAttemptsHistory[2]; !strings.Contains(strings.Join(last.Errors, " "), records.RemedyImage("generic-restart-v1")) {
		t.Errorf("got %+v, want an error that names the catalogue's image", last)
	}
}

func (s *suite) missingParameter(t *testing.T) {
	got := s.wantReview(t, s.incident("hg7", "MOCK_MISSING_PARAMETER"), api.ReasonParameterValidationFailed, 3)
	if diff := contrast.Diff([]string{"parameter ACTION is required"}, got.ValidationAttemptsHistory[2].Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func (s *suite) noWorkflow(t *testing.T) {
	s.wantReview(t, s.incident("hg8", "MOCK_NO_WORKFLOW_FOUND"), api.ReasonNoMatchingWorkflows, 1)
}

func (s *suite) incomplete(t *testing.T) {
	request := s.incident("hg9", "MOCK_RCA_INCOMPLETE")
	s.wantWorkflow(t, request, "generic-restart-v1", 0.88, api.ReasonRCAIncomplete)
	if got := s.analyze(t, incidentPath, request); got.AffectedResource != nil || got.TargetInOwnerChain {
		t.Errorf("got %+v, want no resource", got)
	}
}

func (s *suite) resolved(t *testing.T) {
	got := s.analyze(t, incidentPath, s.incident("hg10", "MOCK_PROBLEM_RESOLVED"))
	if got.SelectedWorkflow != nil || got.Confidence != 0.85 || got.NeedsHumanReview || got.HumanReviewReason != "" {
		t.Errorf("got %+v, want no workflow, 0.85 and no review", got)
	}
}

func (s *suite) lowConfidence(t *testing.T) {
	s.wantWorkflow(t, s.incident("hg11", "MOCK_LOW_CONFIDENCE"), "generic-restart-v1", 0.35, "")
}

func (s *suite) twoCalls(t *testing.T) {
	before := s.completions(t)
	s.analyze(t, incidentPath, s.incident("hg13", "OOMKilled"))
	if got := s.completions(t) - before; got != 2 {
		t.Errorf("the model was called %v times, want 2", got)
	}
}

// completions returns how many chat completions mock-llm has answered.
func (s *suite) completions(t *testing.T) float64 {
	t.Helper()
	response, err := s.model.Want(t.Context(), http.StatusOK, wire.Request{Path: "/metrics"})
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := response.Metric("kubernaut_http_request_duration_seconds_count", `route="POST /v1/chat/completions"`)
	return sum
}

func (s *suite) recovery(t *testing.T) {
	request := api.RecoveryRequest{
		IncidentRequest: s.incident("hg14", "MemoryPressure"), IsRecoveryAttempt: true, RecoveryAttemptNumber: 2,
		PreviousExecution: &api.FailedExecution{WorkflowExecutionRef: "we-hg14"},
	}
	got := s.analyze(t, recoveryPath, request)
	if got.SelectedWorkflow == nil || got.SelectedWorkflow.WorkflowID != records.WorkflowID("memory-optimize-v1", s.environment()) || got.Confidence != 0.85 {
		t.Errorf("got %+v, want memory-optimize-v1 with 0.85", got)
	}
	if analysis := got.RecoveryAnalysis; analysis == nil || !analysis.PreviousAttemptAssessment.FailureUnderstood || analysis.PreviousAttemptAssessment.FailureReasonAnalysis == "" {
		t.Errorf("recovery analysis: got %+v, want a judgement of the failure", analysis)
	}
	if got := s.analyze(t, incidentPath, s.incident("hg14incident", "OOMKilled")); got.RecoveryAnalysis != nil {
		t.Errorf("on the incident route: got %+v, want none", got.RecoveryAnalysis)
	}
	for field, value := range map[string]any{"is_recovery_attempt": false, "recovery_attempt_number": 0, "previous_execution": nil} {
		t.Run("HG14_"+field, func(t *testing.T) {
			bad := records.Edited(request, map[string]any{field: value})
			wantProblem(t, s.holmes.Service, s.holmes.Request(http.MethodPost, recoveryPath, bad), http.StatusUnprocessableEntity, field)
		})
	}
}

// auditTrail looks at the first flow again when the events of a later one are there: deliveries keep their order.
func (s *suite) auditTrail(t *testing.T) {
	want := map[string]int{string(api.EventHolmesGPTResponseComplete): 1, string(api.EventSearchCompleted): 1}
	requests := []api.IncidentRequest{s.incident("hg15", "OOMKilled"), s.incident("hg15review", "MOCK_IMAGE_MISMATCH"), s.incident("hg15last", "OOMKilled")}
	for _, request := range requests {
		s.analyze(t, incidentPath, request)
	}
	slices.Reverse(requests)
	for _, request := range requests {
		s.WantEvents(t, request.RemediationID, want)
	}
	page, err := s.DataStorage.Events(t.Context(), url.Values{"correlation_id": {requests[2].RemediationID}, "event_type": {string(api.EventHolmesGPTResponseComplete)}})
	if err != nil {
		t.Fatal(err)
	}
	event := page.Data[0]
	var data map[string]any
	if err := json.Unmarshal(event.Data, &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"category": event.Category, "outcome": event.Outcome, "actor": event.ActorID, "incident": data["incident_id"], "workflow": data["workflow_id"],
		"model calls": data["model_calls"], "tool calls": data["tool_calls"],
	}
	wantEvent := map[string]any{
		"category": api.CategoryAIAgent, "outcome": api.OutcomeSuccess, "actor": api.HolmesGPTAPI, "incident": "ai-hg15",
		"workflow": records.WorkflowID("oomkill-increase-memory-v1", s.environment()), "model calls": 2.0, "tool calls": 1.0,
	}
	if diff := contrast.Diff(wantEvent, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func (s *suite) gaveUp(t *testing.T) {
	got := s.wantReview(t, s.incident("hg17", "MOCK_MAX_RETRIES_EXHAUSTED"), api.ReasonLLMParsingError, 3)
	for i, attempt := range got.ValidationAttemptsHistory {
		if attempt.Attempt != i+1 || attempt.IsValid || attempt.WorkflowID == "" || len(attempt.Errors) == 0 {
			t.Errorf("attempt %d: got %+v, want an invalid one with its errors", i+1, attempt)
		}
	}
}

// parallel asks about four signals at once, several times.
func (s *suite) parallel(t *testing.T) {
	want := map[string]string{
		"OOMKilled": "oomkill-increase-memory-v1", "CrashLoopBackOff": "crashloop-config-fix-v1",
		"NodeNotReady": "node-drain-reboot-v1", "DiskFull": "generic-restart-v1",
	}
	var all sync.WaitGroup
	for i := range 5 {
		for _, signal := range slices.Sorted(maps.Keys(want)) {
			request := s.incident(fmt.Sprintf("hg18-%d-%s", i, strings.ToLower(signal)), signal)
			all.Go(func() {
				var got api.InvestigationResponse
				err := s.holmes.Send(t.Context(), http.StatusOK, s.holmes.Request(http.MethodPost, incidentPath, request), &got)
				if err != nil || got.IncidentID != request.IncidentID || got.SelectedWorkflow == nil ||
					got.SelectedWorkflow.WorkflowID != records.WorkflowID(want[signal], s.environment()) {
					t.Errorf("%s: got %+v, error %v, want %s", signal, got, err, want[signal])
				}
			})
		}
	}
	all.Wait()
}
