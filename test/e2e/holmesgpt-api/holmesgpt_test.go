// Package holmesgptapi_test says what holmesgpt-api and its stand-in for a language model, mock-llm, promise on a real
// cluster. How the cluster is reached and changed is in test/e2e/internal.
//
// The subtests run one after the other: some take the model away, or give it other settings. The catalogue has the
// workflows that mock-llm names, in an environment of this run alone, so that the suite may run again and again on one
// cluster, and so that a workflow can be absent.
//
// Left to the unit tests: a model that corrects itself (mock-llm says the same again and again), datastorage down (its
// catalogue does not outlive its pod), and how soon after its start mock-llm answers (ML11; here it must answer at all).
package holmesgptapi_test

import "testing"

func TestHolmesGPTAPI(t *testing.T) {
	s := connect(t)
	t.Run("HG1_OOMKilled_gets_its_workflow", s.oomKilled)
	t.Run("HG2_CrashLoopBackOff_gets_its_own_workflow", s.crashLoop)
	t.Run("HG3_token_and_role_binding_decide", s.access)
	t.Run("HG4_malformed_requests_are_refused", s.malformed)
	t.Run("HG5_absent_workflow_needs_a_human", s.absentWorkflow)
	t.Run("HG6_foreign_image_needs_a_human", s.foreignImage)
	t.Run("HG7_missing_parameter_needs_a_human", s.missingParameter)
	t.Run("HG8_no_workflow_found_needs_a_human", s.noWorkflow)
	t.Run("HG9_incomplete_root_cause_needs_a_human", s.incomplete)
	t.Run("HG10_resolved_problem_needs_nobody", s.resolved)
	t.Run("HG11_low_confidence_is_passed_on", s.lowConfidence)
	t.Run("HG13_model_is_called_twice", s.twoCalls)
	t.Run("HG14_recovery_is_analysed", s.recovery)
	t.Run("HG15_one_event_per_request", s.auditTrail)
	t.Run("HG16_open_routes_have_no_secrets", s.openRoutes)
	t.Run("HG17_model_that_gave_up_tells_its_attempts", s.gaveUp)
	t.Run("HG18_parallel_investigations_do_not_mix", s.parallel)
	t.Run("ML1_scenarios_call_the_tool_then_answer", s.scenarios)
	t.Run("ML2_workflow_id_follows_the_environment", s.modelIDs)
	t.Run("ML4_tools_decide_the_finish_reason", s.finishReason)
	t.Run("ML5_mock_words_win", s.mockWords)
	t.Run("ML7_both_paths_agree", s.bothPaths)
	t.Run("ML8_ollama_routes", s.ollama)
	t.Run("ML9_broken_JSON_is_refused", s.brokenJSON)
	t.Run("ML10_unknown_path_is_refused", s.unknownPath)
	t.Run("ML12_parallel_requests_do_not_mix", s.parallelModel)
	t.Run("ML3_same_bytes_from_every_replica_and_after_restarts", s.sameBytes)
	t.Run("ML6_forced_text_calls_no_tool", s.forcedText)
	t.Run("HG12_model_down", s.modelDown)
	t.Run("ML11_healthy_again", s.healthyAgain)
}
