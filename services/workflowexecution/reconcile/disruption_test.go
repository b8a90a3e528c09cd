package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/reconcile"
)

func TestImageThatCannotBePulled(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	f.step("a")
	f.kubernetes(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}})
	if result := f.step("a"); result.RequeueAfter != time.Minute {
		t.Errorf("another look after %s, want the grace's end", result.RequeueAfter)
	}
	f.now = f.now.Add(30 * time.Second)
	f.step("a")
	if status := f.want("a", v1alpha1.WorkflowExecutionRunning); !meta.IsStatusConditionTrue(status.Conditions, reconcile.Stuck) {
		t.Errorf("conditions %+v", status.Conditions)
	}
	f.now = f.now.Add(30 * time.Second)
	f.step("a")
	status := f.want("a", v1alpha1.WorkflowExecutionFailed)
	if status.FailureReason != v1alpha1.FailureImagePullBackOff || status.FailureDetails.WasExecutionFailure || f.job() != nil {
		t.Errorf("status %+v, Job %v; want the Job removed", status, f.job())
	}
	f.wantTrail("selection.completed success", "execution.started pending", "workflow.failed failure")
}

func TestGraceBeginsAnewAfterRecovery(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	f.step("a")
	for _, reason := range []string{"ErrImagePull", "ContainerCreating", "ErrImagePull"} {
		f.kubernetes(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}})
		f.step("a")
		f.now = f.now.Add(40 * time.Second)
	}
	f.step("a")
	f.want("a", v1alpha1.WorkflowExecutionRunning)
}

func TestRefusedPod(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	f.step("a")
	j := f.job()
	j.UID = "job-uid"
	f.must(f.WithWatch.Update(f.Context(), j))
	f.must(f.WithWatch.Create(f.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: workflows}, InvolvedObject: corev1.ObjectReference{UID: "job-uid"},
		Reason: "FailedCreate", Message: "pods is forbidden: violates PodSecurity",
	}))
	f.step("a")
	f.now = f.now.Add(time.Minute)
	f.step("a")
	if got := f.want("a", v1alpha1.WorkflowExecutionFailed).FailureReason; got != v1alpha1.FailureForbidden {
		t.Errorf("got %q, want Forbidden", got)
	}
}

func TestVanishedJob(t *testing.T) {
	for name, instead := range map[string]*batchv1.Job{
		"gone":     nil,
		"replaced": {ObjectMeta: metav1.ObjectMeta{Name: job.Name(target), Namespace: workflows, Annotations: map[string]string{job.UIDAnnotation: "other"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, interceptor.Funcs{}, execution("a", nil))
			f.step("a")
			f.must(f.WithWatch.Delete(f.Context(), f.job()))
			if instead != nil {
				f.must(f.WithWatch.Create(f.Context(), instead))
			}
			f.step("a")
			status := f.want("a", v1alpha1.WorkflowExecutionFailed)
			if details := status.FailureDetails; !strings.Contains(details.Message, "was deleted") || !details.WasExecutionFailure {
				t.Errorf("details %+v: want that the Job was deleted, and that the target may have been touched", details)
			}
			if (f.job() != nil) != (instead != nil) {
				t.Errorf("Job %v: want nobody else's touched", f.job())
			}
		})
	}
}

// A Job's name must stay taken until its pods have ended, and a later Job of the name is another one.
func TestJobsAreDeletedInTheForeground(t *testing.T) {
	var got client.DeleteOptions
	f := start(t, interceptor.Funcs{Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
		if _, isJob := o.(*batchv1.Job); isJob {
			got.ApplyOptions(opts)
		}
		return c.Delete(ctx, o, opts...)
	}}, execution("a", nil))
	f.step("a")
	f.kubernetes(corev1.ContainerState{})
	f.must(f.WithWatch.Delete(f.Context(), execution("a", nil)))
	f.step("a")
	if got.PropagationPolicy == nil || *got.PropagationPolicy != metav1.DeletePropagationForeground || got.Preconditions == nil || *got.Preconditions.UID != "job-uid" {
		t.Errorf("options of the deletion: %+v", got)
	}
}

// A cache that is behind must not start a workflow a second time.
func TestStaleCacheStartsNothing(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil))
	var old *v1alpha1.WorkflowExecution
	for f.job() == nil {
		old, _ = f.read("a")
		_, err := f.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(old)})
		f.must(err)
	}
	f.must(f.WithWatch.Delete(f.Context(), f.job()))
	f.Client = interceptor.NewClient(f.WithWatch, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if cached, ok := o.(*v1alpha1.WorkflowExecution); ok {
			old.DeepCopyInto(cached)
			return nil
		}
		return c.Get(ctx, key, o, opts...)
	}})
	result, err := f.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(old)})
	if err != nil || result.RequeueAfter == 0 || f.job() != nil {
		t.Errorf("error %v, another look after %s, Job %v; want a later look and no Job", err, result.RequeueAfter, f.job())
	}
}

func TestAuditEventsHaveTheSameIDsAgain(t *testing.T) {
	var ids [2][]string
	for i := range ids {
		f := start(t, interceptor.Funcs{}, execution("a", nil))
		f.runToFailure("a")
		ids[i] = f.ids
	}
	if diff := cmp.Diff(ids[0], ids[1]); diff != "" || len(ids[0]) != 4 {
		t.Errorf("%d ids (-first +second):\n%s", len(ids[0]), diff)
	}
	slices.Sort(ids[0])
	if len(slices.Compact(ids[0])) != 4 {
		t.Errorf("two events have one id: %v", ids[1])
	}
}

func TestDeletionTakesOnlyTheOwnJob(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", nil), execution("b", nil))
	f.step("a")
	f.step("b")
	for _, name := range []string{"b", "a"} {
		if f.job() == nil {
			t.Fatalf("the Job is gone before %s was deleted", name)
		}
		f.must(f.WithWatch.Delete(f.Context(), execution(name, nil)))
		f.step(name)
		f.step(name)
		if _, found := f.read(name); found {
			t.Errorf("%s is still there", name)
		}
	}
	if f.job() != nil {
		t.Error("the Job has outlived its execution")
	}
}

// A process that ends between creating the Job and writing the status finds its own Job.
func TestRestartAfterCreation(t *testing.T) {
	broken := true
	f := start(t, interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
		if e := o.(*v1alpha1.WorkflowExecution); broken && e.Status.Phase == v1alpha1.WorkflowExecutionRunning {
			return fmt.Errorf("the connection broke")
		}
		return c.SubResource(sub).Patch(ctx, o, p, opts...)
	}}, execution("a", nil))
	for f.job() == nil {
		_, err := f.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: system, Name: "a"}})
		if (err != nil) != (f.job() != nil) {
			t.Fatalf("got error %v, Job %v", err, f.job())
		}
	}
	broken = false
	f.step("a")
	f.want("a", v1alpha1.WorkflowExecutionRunning)
	f.wantTrail("selection.completed success", "execution.started pending")
}

// A conflict tells nothing and is tried again.
func TestConflict(t *testing.T) {
	conflicts := 3
	f := start(t, interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
		if conflicts--; conflicts >= 0 {
			return apierrors.NewConflict(batchv1.Resource("x"), "a", fmt.Errorf("newer"))
		}
		return c.SubResource(sub).Patch(ctx, o, p, opts...)
	}}, execution("a", nil))
	for range 3 {
		f.step("a")
	}
	f.step("a")
	f.want("a", v1alpha1.WorkflowExecutionRunning)
	f.wantTrail("selection.completed success", "execution.started pending")
}

func TestFinishedStaysFinished(t *testing.T) {
	f := start(t, interceptor.Funcs{}, execution("a", func(e *v1alpha1.WorkflowExecution) {
		e.Status.Phase, e.Status.CompletionTime = v1alpha1.WorkflowExecutionCompleted, &metav1.Time{Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	}))
	before, _ := f.read("a")
	f.step("a")
	after, _ := f.read("a")
	if diff := cmp.Diff(before, after); diff != "" || f.job() != nil {
		t.Errorf("a finished execution was changed (-before +after):\n%s", diff)
	}
	f.wantTrail()
}
