package workflowexecution_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

// forever is longer than any test; its execution is removed at the suite's end.
func forever() parameters { return parameters{"ACTION": "sleep", "DURATION": "10m"} }

func (s *suite) runs(t *testing.T) {
	execution := s.create(t, s.execution("we1", "", forever()))
	status := s.await(t, execution, api.WorkflowExecutionRunning)
	job := s.wantJob(t, execution)
	want := &api.ObjectReference{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, Namespace: s.workflows, UID: string(job.UID)}
	if diff := contrast.Diff(want, status.ExecutionRef); diff != "" {
		t.Errorf("executionRef (-want +got):\n%s", diff)
	}
}

func (s *suite) jobName(t *testing.T) {
	execution := s.create(t, s.execution("we3", "", forever()))
	status := s.await(t, execution, api.WorkflowExecutionRunning)
	if want := jobName(s.TargetNamespace() + "/Deployment/we3"); status.ExecutionRef.Name != want {
		t.Errorf("name: got %q, want %q", status.ExecutionRef.Name, want)
	}
	s.wantJob(t, execution)
}

func (s *suite) jobContent(t *testing.T) {
	values := forever()
	values["MESSAGE"] = "two words"
	execution := s.create(t, s.execution("we4", "", values))
	s.await(t, execution, api.WorkflowExecutionRunning)
	job := s.wantJob(t, execution)
	pod := job.Spec.Template.Spec
	container := pod.Containers[0]
	got := map[string]any{
		"labels": job.Labels, "containers": len(pod.Containers), "container": container.Name, "image": container.Image, "env": container.Env,
		"backoffLimit": *job.Spec.BackoffLimit, "ttl": *job.Spec.TTLSecondsAfterFinished, "restartPolicy": pod.RestartPolicy, "account": pod.ServiceAccountName,
	}
	for key := range job.Labels {
		if key == "batch.kubernetes.io/controller-uid" || key == "batch.kubernetes.io/job-name" || key == "controller-uid" || key == "job-name" {
			delete(job.Labels, key) // Kubernetes' own
		}
	}
	want := map[string]any{
		"labels": map[string]string{
			"kubernaut.ai/workflow-execution": execution.Name,
			"kubernaut.ai/workflow-id":        execution.Spec.WorkflowRef.WorkflowID,
			"kubernaut.ai/target-resource":    s.TargetNamespace() + "_Deployment_we4",
			"kubernaut.ai/source-namespace":   s.Namespace,
			"kubernaut.ai/execution-engine":   "job",
		},
		"containers": 1, "container": "workflow", "image": s.image + "@" + s.digest,
		"env": []corev1.EnvVar{
			{Name: "TARGET_RESOURCE", Value: execution.Spec.TargetResource}, {Name: "ACTION", Value: "sleep"},
			{Name: "DURATION", Value: "10m"}, {Name: "MESSAGE", Value: "two words"},
		},
		"backoffLimit": int32(0), "ttl": int32(600), "restartPolicy": corev1.RestartPolicyNever, "account": "kubernaut-workflow-runner",
	}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("Job (-want +got):\n%s", diff)
	}
}

func (s *suite) oneAtATime(t *testing.T) {
	first := s.create(t, s.execution("we9", "-first", parameters{"ACTION": "sleep", "DURATION": "4s"}))
	s.await(t, first, api.WorkflowExecutionRunning)
	held := s.wantJob(t, first)
	second := s.create(t, s.execution("we9", "-second", parameters{"ACTION": "succeed"}))
	s.awaitBlocked(t, second, "TargetBusy")
	if job := s.wantJob(t, second); job.UID != held.UID {
		t.Errorf("the target's Job was replaced by %s", job.Annotations)
	}
	ended := s.await(t, first, api.WorkflowExecutionCompleted).CompletionTime
	status := s.await(t, second, api.WorkflowExecutionCompleted)
	if free := ended.Add(cooldown); status.StartTime.Time.Before(free) {
		t.Errorf("the second started at %s, want not before %s", status.StartTime, free)
	}
	if condition := meta.FindStatusCondition(status.Conditions, "Blocked"); condition == nil || condition.Status != metav1.ConditionFalse {
		t.Errorf("condition Blocked: got %+v, want False", condition)
	}
}

// awaitBlocked waits until the execution says why it is Pending.
func (s *suite) awaitBlocked(t *testing.T, execution *api.WorkflowExecution, reason string) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		var got api.WorkflowExecution
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(execution), &got); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(got.Status.Conditions, "Blocked")
		if got.Status.Phase != api.WorkflowExecutionPending || condition == nil || condition.Status != metav1.ConditionTrue || condition.Reason != reason {
			return fmt.Errorf("%s is %q with the condition %+v, want it Pending because of %s", got.Name, got.Status.Phase, condition, reason)
		}
		return nil
	})
}

func (s *suite) cooldown(t *testing.T) {
	first := s.create(t, s.execution("we12", "-first", parameters{"ACTION": "succeed"}))
	ended := s.await(t, first, api.WorkflowExecutionCompleted).CompletionTime
	s.awaitNoJob(t, first)
	if gone := time.Now(); gone.Before(ended.Add(cooldown)) {
		t.Errorf("the Job was gone at %s, want it kept until %s", gone, ended.Add(cooldown))
	}
	second := s.create(t, s.execution("we12", "-second", parameters{"ACTION": "succeed"}))
	s.await(t, second, api.WorkflowExecutionCompleted)
}

func (s *suite) deletion(t *testing.T) {
	execution := s.create(t, s.execution("we13", "", forever()))
	s.await(t, execution, api.WorkflowExecutionRunning)
	job := s.wantJob(t, execution)
	if err := s.Client.Delete(t.Context(), execution); err != nil {
		t.Fatal(err)
	}
	s.awaitNoJob(t, execution)
	s.Eventually(t, func(ctx context.Context) error {
		pods, err := s.Kube.CoreV1().Pods(s.workflows).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/controller-uid=" + string(job.UID)})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d pods of the Job are still there", len(pods.Items))
		}
		return err
	})
	s.Eventually(t, func(ctx context.Context) error {
		err := s.Client.Get(ctx, client.ObjectKeyFromObject(execution), &api.WorkflowExecution{})
		if err == nil {
			return fmt.Errorf("%s is still there", execution.Name)
		}
		return client.IgnoreNotFound(err)
	})
}

func (s *suite) told(t *testing.T) {
	execution := s.create(t, s.execution("we14", "", parameters{"ACTION": "succeed"}))
	s.await(t, execution, api.WorkflowExecutionCompleted)
	s.wantKubernetesEvents(t, execution, map[string]int{"Normal Pending": 1, "Normal Running": 1, "Normal WorkflowStarted": 1, "Normal Completed": 1})
	s.wantEvents(t, execution, successfulTrail())
}

func successfulTrail() map[string]int {
	return map[string]int{
		"workflowexecution.selection.completed success": 1, "workflowexecution.execution.started pending": 1,
		"workflowexecution.workflow.started pending": 1, "workflowexecution.workflow.completed success": 1,
	}
}

func (s *suite) failureTold(t *testing.T) {
	execution := s.create(t, s.execution("we14f", "", parameters{"ACTION": "fail", "EXIT_CODE": "3"}))
	s.await(t, execution, api.WorkflowExecutionFailed)
	s.wantKubernetesEvents(t, execution, map[string]int{"Normal Pending": 1, "Normal Running": 1, "Normal WorkflowStarted": 1, "Warning Failed": 1})
	s.wantEvents(t, execution, map[string]int{
		"workflowexecution.selection.completed success": 1, "workflowexecution.execution.started pending": 1,
		"workflowexecution.workflow.started pending": 1, "workflowexecution.workflow.failed failure": 1,
	})
}

// clearance is given by a user, whose name the admission webhook writes.
func (s *suite) clearance(t *testing.T) {
	var last *api.WorkflowExecution
	for failure := range maxFailures {
		last = s.create(t, s.execution("we18", fmt.Sprintf("-%d", failure+1), parameters{"ACTION": "fail"}))
		status := s.awaitFailure(t, last, api.FailureTaskFailed, true)
		if status.ConsecutiveFailures != int32(failure+1) {
			t.Errorf("failures in a row: got %d, want %d", status.ConsecutiveFailures, failure+1)
		}
	}
	next := s.create(t, s.execution("we18", "-next", parameters{"ACTION": "succeed"}))
	s.awaitBlocked(t, next, "ConsecutiveFailures")
	s.awaitNoJob(t, last)
	s.awaitBlocked(t, next, "ConsecutiveFailures")
	alice, err := s.As("alice")
	if err != nil {
		t.Fatal(err)
	}
	s.Eventually(t, func(ctx context.Context) error {
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(last), last); err != nil {
			return err
		}
		last.Status.BlockClearance = &api.BlockClearance{ClearReason: "the image was wrong and has been replaced by one that works"}
		return alice.Status().Update(ctx, last)
	})
	if got := last.Status.BlockClearance.ClearedBy; got != "alice" {
		t.Errorf("cleared by %q, want alice", got)
	}
	s.await(t, next, api.WorkflowExecutionCompleted)
}

// outcomes returns the controller's counters of ended executions.
func (s *suite) outcomes(t *testing.T) (completed, failed, durations float64) {
	t.Helper()
	pods, err := s.Pods(t.Context(), api.WorkflowExecutionComponent)
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods of the controller and error %v, want 1", len(pods), err)
	}
	response, err := s.GetFromPod(t.Context(), pods[0].Name, api.MetricsPort, "/metrics")
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("/metrics: got %d %s, error %v", response.Status, response.Body, err)
	}
	completed, _ = response.Metric("kubernaut_workflowexecution_executions_total", `outcome="completed"`)
	failed, _ = response.Metric("kubernaut_workflowexecution_executions_total", `outcome="failed",reason="TaskFailed"`)
	durations, _ = response.Metric("kubernaut_workflowexecution_duration_seconds_count", "")
	return completed, failed, durations
}

func (s *suite) metrics(t *testing.T) {
	completed, failed, durations := s.outcomes(t)
	good := s.create(t, s.execution("we15", "", parameters{"ACTION": "succeed"}))
	bad := s.create(t, s.execution("we15f", "", parameters{"ACTION": "fail"}))
	s.await(t, good, api.WorkflowExecutionCompleted)
	s.await(t, bad, api.WorkflowExecutionFailed)
	s.Eventually(t, func(context.Context) error {
		nowCompleted, nowFailed, nowDurations := s.outcomes(t)
		got := []float64{nowCompleted - completed, nowFailed - failed, nowDurations - durations}
		if diff := contrast.Diff([]float64{1, 1, 2}, got); diff != "" {
			return fmt.Errorf("increase of completed, failed and durations (-want +got):\n%s", diff)
		}
		return nil
	})
}

func (s *suite) controllerRestart(t *testing.T) {
	execution := s.create(t, s.execution("we20", "", parameters{"ACTION": "sleep", "DURATION": "5s"}))
	s.await(t, execution, api.WorkflowExecutionRunning)
	if err := s.Restart(t.Context(), api.WorkflowExecutionComponent); err != nil {
		t.Fatal(err)
	}
	s.await(t, execution, api.WorkflowExecutionCompleted)
	s.wantEvents(t, execution, successfulTrail())
}
