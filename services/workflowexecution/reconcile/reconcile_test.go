package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
)

func TestSuccess(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	f.step("a")
	status := f.want("a", v1alpha1.WorkflowExecutionRunning)
	if ref := status.ExecutionRef; ref == nil || ref.Name != job.Name(target) || ref.Kind != "Job" || status.StartTime == nil {
		t.Errorf("executionRef %+v and startTime %v", status.ExecutionRef, status.StartTime)
	}
	f.now = f.now.Add(7 * time.Second)
	f.kubernetes(exited(0))
	f.end(batchv1.JobComplete, "")
	result := f.step("a")
	status = f.want("a", v1alpha1.WorkflowExecutionCompleted)
	if status.Duration != "7s" || !status.CompletionTime.Time.Equal(f.now) || !status.NextAllowedExecution.Time.Equal(f.now.Add(5*time.Minute)) {
		t.Errorf("duration %q, completionTime %v, nextAllowedExecution %v", status.Duration, status.CompletionTime, status.NextAllowedExecution)
	}
	f.wantTrail("selection.completed success", "execution.started pending", "workflow.started pending", "workflow.completed success")
	f.wantKubernetesEvents("Normal Pending", "Normal Running", "Normal WorkflowStarted", "Normal Completed")
	f.wantMetric("completed", "")
	if result.RequeueAfter != 5*time.Minute || f.job() == nil {
		t.Errorf("got another look after %s, want the Job kept for the cool-down", result.RequeueAfter)
	}
	f.now = f.now.Add(5 * time.Minute)
	f.step("a")
	if f.job() != nil {
		t.Error("the Job is still there after the cool-down")
	}
}

func TestFailure(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	f.step("a")
	f.kubernetes(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	f.step("a")
	f.kubernetes(exited(3))
	f.end(batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded)
	f.now = f.now.Add(2 * time.Second)
	f.step("a")
	status := f.want("a", v1alpha1.WorkflowExecutionFailed)
	code := int32(3)
	want := &v1alpha1.FailureDetails{
		Reason: v1alpha1.FailureTaskFailed, Message: "the workflow ended with exit code 3", ExitCode: &code, FailedAt: metav1.NewTime(f.now),
		ExecutionTimeBeforeFailure: "2s", WasExecutionFailure: true, FailedTaskName: job.Name(target), FailedStepName: "workflow",
		NaturalLanguageSummary: "Workflow restart, version 1, failed on shop/Deployment/web after 2s: the workflow ended with exit code 3.",
	}
	if diff := cmp.Diff(want, status.FailureDetails); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	if status.FailureReason != v1alpha1.FailureTaskFailed || status.ConsecutiveFailures != 1 {
		t.Errorf("reason %q and %d failures in a row", status.FailureReason, status.ConsecutiveFailures)
	}
	f.wantTrail("selection.completed success", "execution.started pending", "workflow.started pending", "workflow.failed failure")
	f.wantMetric("failed", "TaskFailed")
}

func TestConfigurationErrorTouchesNothing(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", func(e *v1alpha1.WorkflowExecution) {
		e.Spec.Parameters = map[string]v1alpha1.ParameterValue{"no name": ""}
	}))
	f.step("a")
	status := f.want("a", v1alpha1.WorkflowExecutionFailed)
	if status.FailureReason != v1alpha1.FailureConfigurationError || status.FailureDetails.WasExecutionFailure || f.job() != nil {
		t.Errorf("status %+v, Job %v", status, f.job())
	}
	f.wantTrail("selection.completed success", "workflow.failed failure")
}

func TestRefusedJob(t *testing.T) {
	for message, want := range map[string]v1alpha1.FailureReason{
		"not yours":           v1alpha1.FailureForbidden,
		"exceeded quota: few": v1alpha1.FailureResourceExhausted,
	} {
		t.Run(message, func(t *testing.T) {
			f := start(t, interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				return apierrors.NewForbidden(batchv1.Resource("jobs"), "x", fmt.Errorf("%s", message))
			}}, execution("a", nil))
			f.step("a")
			if got := f.want("a", v1alpha1.WorkflowExecutionFailed).FailureReason; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestOneAtATimeOnATarget(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil), execution("b", nil))
	f.step("a")
	f.step("b")
	f.want("a", v1alpha1.WorkflowExecutionRunning)
	f.want("b", v1alpha1.WorkflowExecutionPending)
	if got := f.blocked("b"); got != lock.TargetBusy {
		t.Errorf("blocked by %q, want %s", got, lock.TargetBusy)
	}
	f.kubernetes(exited(0))
	f.end(batchv1.JobComplete, "")
	f.step("a")
	result := f.step("b")
	status := f.want("b", v1alpha1.WorkflowExecutionPending)
	if result.RequeueAfter != 5*time.Minute || !status.NextAllowedExecution.Time.Equal(f.now.Add(5*time.Minute)) {
		t.Errorf("another look after %s, next execution at %v; want the cool-down's end", result.RequeueAfter, status.NextAllowedExecution)
	}
	f.now = f.now.Add(5 * time.Minute)
	f.step("a")
	f.step("b")
	status = f.want("b", v1alpha1.WorkflowExecutionRunning)
	if status.NextAllowedExecution != nil || f.blocked("b") != "" {
		t.Errorf("status %+v: want no block any more", status)
	}
	if got := f.job(); got == nil || got.Annotations[job.ExecutionAnnotation] != "b" {
		t.Errorf("Job %v, want that of b", got)
	}
}

func TestForeignJobHoldsTheTarget(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: job.Name(target), Namespace: workflows}})
	f.step("a")
	f.want("a", v1alpha1.WorkflowExecutionPending)
	if got := f.blocked("a"); got != lock.TargetBusy {
		t.Errorf("blocked by %q, want %s", got, lock.TargetBusy)
	}
	f.must(f.WithWatch.Delete(f.Context(), f.job()))
	f.step("a")
	f.want("a", v1alpha1.WorkflowExecutionRunning)
}

func TestBlockNeedsAClearance(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("last", func(e *v1alpha1.WorkflowExecution) {
		e.Status = v1alpha1.WorkflowExecutionStatus{
			Phase: v1alpha1.WorkflowExecutionFailed, CompletionTime: &metav1.Time{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
			ConsecutiveFailures: 2, FailureDetails: &v1alpha1.FailureDetails{Reason: v1alpha1.FailureTaskFailed, WasExecutionFailure: true},
		}
	}), execution("next", nil))
	f.step("next")
	f.want("next", v1alpha1.WorkflowExecutionPending)
	if got := f.blocked("next"); got != lock.ConsecutiveFailures {
		t.Errorf("blocked by %q, want %s", got, lock.ConsecutiveFailures)
	}
	last, _ := f.read("last")
	last.Status.BlockClearance = &v1alpha1.BlockClearance{ClearedBy: "alice", ClearReason: "fixed"}
	f.must(f.WithWatch.Status().Update(f.Context(), last))
	f.step("next")
	f.want("next", v1alpha1.WorkflowExecutionRunning)
	f.wantKubernetesEvents("Normal Pending", "Warning ConsecutiveFailures", "Normal Running")
}

// runToFailure takes the execution to the failure of its workflow.
func (f *fixture) runToFailure(name string) v1alpha1.WorkflowExecutionStatus {
	f.Helper()
	f.step(name)
	f.want(name, v1alpha1.WorkflowExecutionRunning)
	f.kubernetes(exited(1))
	f.end(batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded)
	f.step(name)
	return f.want(name, v1alpha1.WorkflowExecutionFailed)
}

func TestFailuresAddUp(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil), execution("b", nil))
	first := f.runToFailure("a")
	if first.ConsecutiveFailures != 1 || first.NextAllowedExecution == nil || !first.NextAllowedExecution.Time.Equal(f.now.Add(5*time.Minute)) {
		t.Errorf("first: %d failures in a row, next execution at %v", first.ConsecutiveFailures, first.NextAllowedExecution)
	}
	f.now = f.now.Add(5 * time.Minute)
	f.step("a")
	second := f.runToFailure("b")
	if second.ConsecutiveFailures != 2 || second.NextAllowedExecution != nil {
		t.Errorf("second: %d failures in a row, next execution at %v; want 2, and none without a clearance", second.ConsecutiveFailures, second.NextAllowedExecution)
	}
}

func TestClearanceEndsTheCooldown(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	f.runToFailure("a")
	if f.job() == nil {
		t.Fatal("the Job is gone before the cool-down is over")
	}
	cleared, _ := f.read("a")
	cleared.Status.BlockClearance = &v1alpha1.BlockClearance{ClearedBy: "alice"}
	f.must(f.WithWatch.Status().Update(f.Context(), cleared))
	f.step("a")
	if f.job() != nil {
		t.Error("the Job is still there")
	}
}
