// Package workflowexecution_test says what workflowexecution promises, on a real cluster: executions are made here as the
// orchestrator makes them, and Kubernetes runs the platform's own workflow image. How the cluster is reached is in
// suite_test.go and in test/e2e/internal.
//
// The controller runs with short times, which the suite sets at its start and takes back at its end. Each test has a target
// of its own; only those that restart the controller or read its counters run alone.
package workflowexecution_test

import (
	"testing"
)

func TestWorkflowExecution(t *testing.T) {
	s := connect(t)
	t.Run("together", func(t *testing.T) {
		for _, test := range []struct {
			name string
			run  func(*testing.T)
		}{
			{"WE1_execution_runs_as_a_Job", s.runs},
			{"WE2_success_has_its_times", s.succeeds},
			{"WE3_Job_name_follows_from_the_target", s.jobName},
			{"WE4_Job_is_as_the_specification_says", s.jobContent},
			{"WE5_exit_code_is_a_failed_task", s.exitCode},
			{"WE6_timeout_ends_the_workflow", s.timeout},
			{"WE7_image_that_cannot_be_pulled", s.unpullable},
			{"WE8_memory_limit_kills", s.outOfMemory},
			{"WE9_one_execution_at_a_time_on_a_target", s.oneAtATime},
			{"WE10_deleted_Job_fails_its_execution", s.deletedJob},
			{"WE11_unknown_engine_is_refused", s.unknownEngine},
			{"WE12_cooldown_keeps_and_then_frees", s.cooldown},
			{"WE13_deletion_takes_the_Job_along", s.deletion},
			{"WE14_transitions_are_told", s.told},
			{"WE14_failures_are_told", s.failureTold},
			{"WE16_workflow_restarts_a_Deployment", s.restartsDeployment},
			{"WE17_bad_parameter_is_a_configuration_error", s.badParameter},
			{"WE18_failures_block_until_cleared", s.clearance},
			{"WE19_unknown_account_is_a_configuration_error", s.unknownAccount},
		} {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t)
			})
		}
	})
	t.Run("WE15_metrics_count_outcomes", s.metrics)
	t.Run("WE20_restart_repeats_nothing", s.controllerRestart)
}
