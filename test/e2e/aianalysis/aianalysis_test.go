// Package aianalysis_test says what aianalysis promises, on a real cluster with the real holmesgpt-api and its stand-in for a
// language model. The suite plays the orchestrator: it creates AIAnalyses itself. How the cluster is reached and changed is
// in test/e2e/internal.
//
// Each subtest has analyses of its own, and most run at the same time. Those that take a program or a right away come after
// them, one by one.
//
// Left to the unit tests: answers of holmesgpt-api that it does not give by itself (500, 401, nonsense), and policies that
// fail.
package aianalysis_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
)

func TestAIAnalysis(t *testing.T) {
	s := connect(t)
	t.Run("undisturbed", func(t *testing.T) {
		for _, test := range []struct {
			name string
			run  func(*testing.T)
		}{
			{"AA1_staging_gets_a_workflow_without_approval", s.staging},
			{"AA2_production_needs_an_approval", s.production},
			{"AA3_third_recovery_needs_an_approval", s.recoveries},
			{"AA4_low_confidence_needs_a_human", s.lowConfidence},
			{"AA5_resolved_problem_needs_no_workflow", s.resolved},
			{"AA6_no_workflow_found_needs_a_human", s.noWorkflow},
			{"AA7_exhausted_model_tells_its_attempts", s.exhausted},
			{"AA10_recovery_fields_reach_the_request", s.recoveryFields},
			{"AA11_each_transition_has_one_event", s.transitions},
			{"AA12_evaluation_and_decision_are_recorded", s.decisions},
			{"AA14_probes", s.probes},
			{"AA15_incomplete_root_cause_is_inconclusive", s.incomplete},
			{"AA16_workflow_outside_the_catalogue_needs_a_human", s.absentWorkflow},
			{"AA17_finished_analysis_is_left_alone", s.finished},
			{"AA18_schema_guards_analyses", s.schema},
			{"AA19_metrics", s.metrics},
			{"AA20_account_has_no_more_rights_than_it_needs", s.rights},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t)
			})
		}
	})
	t.Run("AA9_refused_token_ends_the_analysis", s.refused)
	t.Run("AA8_absent_holmesgpt_api_is_asked_again", s.away)
	t.Run("AA13_restart_during_an_investigation_finishes_once", s.restart)
}

func (s *suite) staging(t *testing.T) {
	object := s.analysis("aa1", "OOMKilled", staging)
	watch, err := s.Client.Watch(t.Context(), &api.AIAnalysisList{}, client.InNamespace(s.Namespace), client.MatchingFields{"metadata.name": object.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	s.create(t, object)
	var seen []api.AIAnalysisPhase
	for event := range watch.ResultChan() {
		current, ok := event.Object.(*api.AIAnalysis)
		if !ok {
			t.Fatalf("watching: %v", event.Object)
		}
		if phase := current.Status.Phase; phase != "" && (len(seen) == 0 || seen[len(seen)-1] != phase) {
			seen = append(seen, phase)
		}
		if current.Status.Phase.Terminal() {
			break
		}
	}
	want := []api.AIAnalysisPhase{api.AIAnalysisPending, api.AIAnalysisInvestigating, api.AIAnalysisAnalyzing, api.AIAnalysisCompleted}
	if diff := contrast.Diff(want, seen); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	got := s.finish(t, object, api.AIAnalysisCompleted, "").Status
	const workflow = "oomkill-increase-memory-v1"
	selected := &api.SelectedWorkflow{
		WorkflowID: records.WorkflowID(workflow, staging), Version: "1.0.0", ContainerImage: records.RemedyImage(workflow),
		ContainerDigest: records.RemedyDigest, Confidence: 0.95, Parameters: map[string]string{"MEMORY_LIMIT": "1Gi"},
	}
	if got.SelectedWorkflow != nil {
		selected.Rationale = got.SelectedWorkflow.Rationale
	}
	if diff := contrast.Diff(selected, got.SelectedWorkflow); diff != "" {
		t.Errorf("selected workflow (-want +got):\n%s", diff)
	}
	if got.ApprovalRequired || got.ApprovalContext != nil || got.ApprovalReason != "Auto-approved" || got.NeedsHumanReview {
		t.Errorf("got %+v, want no approval and no review", got)
	}
	if got.RootCause == "" || got.RootCauseAnalysis.SignalType != "OOMKilled" || got.InvestigationID != object.Name || got.TargetInOwnerChain == nil || !*got.TargetInOwnerChain {
		t.Errorf("got %+v, want a root cause and the signal's own target", got)
	}
}

func (s *suite) production(t *testing.T) {
	got := s.analyse(t, s.analysis("aa2", "OOMKilled", production), api.AIAnalysisCompleted, "").Status
	if got.SelectedWorkflow.WorkflowID != records.WorkflowID("oomkill-increase-memory-v1", production) {
		t.Errorf("got workflow %+v, want production's", got.SelectedWorkflow)
	}
	given := got.ApprovalContext
	if !got.ApprovalRequired || got.ApprovalReason != "Production target" || given == nil {
		t.Fatalf("got %+v, want an approval for production", got)
	}
	if given.Reason != got.ApprovalReason || given.ConfidenceScore != 0.95 || given.ConfidenceLevel != api.HighConfidence ||
		given.InvestigationSummary == "" || given.WhyApprovalRequired == "" || len(given.PolicyHash) != 64 {
		t.Errorf("approval context: got %+v, want every field", given)
	}
}

// again makes a recovery attempt of an analysis.
func again(object *api.AIAnalysis, attempt int32, executions ...api.PreviousExecution) *api.AIAnalysis {
	object.Spec.IsRecoveryAttempt, object.Spec.RecoveryAttemptNumber, object.Spec.PreviousExecutions = true, attempt, executions
	return object
}

// failed is an execution that failed with a message.
func failed(name, message string) api.PreviousExecution {
	return api.PreviousExecution{
		WorkflowExecutionRef: api.ObjectReference{Name: name}, Failure: &api.ExecutionFailure{Reason: "TaskFailed", Message: message},
	}
}

func (s *suite) recoveries(t *testing.T) {
	for name, test := range map[string]struct {
		attempt int32
		want    string
	}{
		"second": {2, "Auto-approved"},
		"third":  {3, "Recovery attempt 3: earlier workflows did not help"},
	} {
		object := again(s.analysis("aa3-"+name, "OOMKilled", staging), test.attempt, failed("we-1", "still too little memory"))
		got := s.analyse(t, object, api.AIAnalysisCompleted, "").Status
		if got.ApprovalReason != test.want || got.ApprovalRequired != (test.attempt >= 3) {
			t.Errorf("%s attempt: got approval %t for %q, want %q", name, got.ApprovalRequired, got.ApprovalReason, test.want)
		}
	}
}

// review wants an analysis that a human has to take over.
func (s *suite) review(t *testing.T, object *api.AIAnalysis, subReason api.AnalysisSubReason, reason string) api.AIAnalysisStatus {
	t.Helper()
	got := s.analyse(t, object, api.AIAnalysisFailed, subReason).Status
	if !got.NeedsHumanReview || got.HumanReviewReason != reason || got.ApprovalRequired || got.Message == "" {
		t.Errorf("got %+v, want a review for %s", got, reason)
	}
	return got
}

func (s *suite) lowConfidence(t *testing.T) {
	s.review(t, s.analysis("aa4", "MOCK_LOW_CONFIDENCE", staging), api.SubReasonLowConfidence, "low_confidence")
}

func (s *suite) resolved(t *testing.T) {
	got := s.analyse(t, s.analysis("aa5", "MOCK_PROBLEM_RESOLVED", production), api.AIAnalysisCompleted, api.SubReasonProblemResolved).Status
	if got.SelectedWorkflow != nil || got.ApprovalRequired || got.NeedsHumanReview || got.RootCause == "" {
		t.Errorf("got %+v, want a root cause, no workflow, no approval and no review", got)
	}
}

// noWorkflow has the model's cue in the signal's text, which is part of the request, too.
func (s *suite) noWorkflow(t *testing.T) {
	object := s.analysis("aa6", "OOMKilled", staging)
	object.Spec.AnalysisRequest.SignalContext.Message = "MOCK_NO_WORKFLOW_FOUND"
	if got := s.review(t, object, api.SubReasonNoMatchingWorkflows, "no_matching_workflows"); got.SelectedWorkflow != nil {
		t.Errorf("got workflow %+v, want none", got.SelectedWorkflow)
	}
}

func (s *suite) exhausted(t *testing.T) {
	got := s.review(t, s.analysis("aa7", "MOCK_MAX_RETRIES_EXHAUSTED", staging), api.SubReasonMaxRetriesExceeded, "llm_parsing_error")
	if len(got.ValidationAttemptsHistory) != 3 {
		t.Fatalf("history: got %+v, want 3 attempts", got.ValidationAttemptsHistory)
	}
	for i, attempt := range got.ValidationAttemptsHistory {
		if attempt.Attempt != int32(i+1) || attempt.IsValid || attempt.WorkflowID == "" || len(attempt.Errors) == 0 {
			t.Errorf("attempt %d: got %+v, want an invalid one with its workflow and errors", i+1, attempt)
		}
	}
}

// recoveryFields: the model knows its workflow against a recovery by the recovery route's prompt alone, and it obeys the cue
// in the last execution's failure.
func (s *suite) recoveryFields(t *testing.T) {
	plain := again(s.analysis("aa10-route", "HighMemory", staging), 1, failed("we-1", "no space"))
	if got := s.analyse(t, plain, api.AIAnalysisCompleted, "").Status; got.SelectedWorkflow.WorkflowID != records.WorkflowID("memory-optimize-v1", staging) {
		t.Errorf("got workflow %+v, want the one against a recovery", got.SelectedWorkflow)
	}
	cue := again(s.analysis("aa10-last", "HighMemory", staging), 2, failed("we-1", "MOCK_LOW_CONFIDENCE"), failed("we-2", "MOCK_PROBLEM_RESOLVED"))
	s.analyse(t, cue, api.AIAnalysisCompleted, api.SubReasonProblemResolved)
}

func (s *suite) transitions(t *testing.T) {
	object := s.analyse(t, s.analysis("aa11", "CrashLoopBackOff", staging), api.AIAnalysisCompleted, "")
	for _, event := range s.trail(t, object, completed()) {
		if event.Category != api.CategoryAnalysis || event.ResourceID != object.Name || event.Namespace != s.Namespace || event.Severity != "critical" {
			t.Errorf("event %+v, want category, resource and severity of this analysis", event)
		}
	}
	object = s.analyse(t, s.analysis("aa11-failed", "MOCK_NO_WORKFLOW_FOUND", staging), api.AIAnalysisFailed, api.SubReasonNoMatchingWorkflows)
	s.trail(t, object, map[string]int{
		"Pending-Investigating": 1, "Investigating-Failed": 1, string(api.EventHolmesGPTCall): 1, string(api.EventAnalysisFailed) + " failure": 1,
	})
}

func (s *suite) decisions(t *testing.T) {
	for environment, required := range map[string]bool{staging: false, production: true} {
		object := s.analyse(t, s.analysis("aa12-"+environment, "CrashLoopBackOff", environment), api.AIAnalysisCompleted, "")
		want := completed()
		if required {
			delete(want, string(api.EventApprovalDecision))
			want[string(api.EventApprovalDecision)+" pending"] = 1
		}
		for _, event := range s.trail(t, object, want) {
			if event.Type != api.EventRegoEvaluation && event.Type != api.EventApprovalDecision {
				continue
			}
			var data struct {
				RequireApproval, ApprovalRequired bool
				Reason, PolicyHash                string
			}
			if err := json.Unmarshal(event.Data, &data); err != nil {
				t.Fatal(err)
			}
			if data.RequireApproval || data.ApprovalRequired {
				if !required {
					t.Errorf("%s of %s: got %s, want no approval", event.Type, environment, event.Data)
				}
			} else if required {
				t.Errorf("%s of %s: got %s, want an approval", event.Type, environment, event.Data)
			}
			if data.Reason != object.Status.ApprovalReason || len(data.PolicyHash) != 64 {
				t.Errorf("%s of %s: got %s, want the reason and the policy's hash", event.Type, environment, event.Data)
			}
		}
	}
}

func (s *suite) incomplete(t *testing.T) {
	s.review(t, s.analysis("aa15", "MOCK_RCA_INCOMPLETE", staging), api.SubReasonInconclusive, string(api.ReasonRCAIncomplete))
}

// absentWorkflow asks in an environment for which the catalogue has nothing.
func (s *suite) absentWorkflow(t *testing.T) {
	got := s.review(t, s.analysis("aa16", "OOMKilled", "e2e-"+s.Run), api.SubReasonWorkflowNotFound, string(api.ReasonWorkflowNotFound))
	if len(got.ValidationAttemptsHistory) != 3 || !strings.Contains(got.Message, "not in the catalogue") {
		t.Errorf("got %q and %d attempts, want 3 and what was wrong", got.Message, len(got.ValidationAttemptsHistory))
	}
}
