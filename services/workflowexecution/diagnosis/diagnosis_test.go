package diagnosis_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/workflowexecution/diagnosis"
)

func jobWith(kind batchv1.JobConditionType, reason string) *batchv1.Job {
	job := &batchv1.Job{}
	if kind != "" {
		job.Status.Conditions = []batchv1.JobCondition{
			{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse},
			{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "says the Job"},
		}
	}
	return job
}

func pod(state corev1.ContainerState) corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "proxy"}, {Name: "workflow", State: state}}}}
}

func waiting(reason string) corev1.Pod {
	return pod(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "says the kubelet"}})
}

func ended(code int32, reason, message string) corev1.Pod {
	return pod(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, Message: message, StartedAt: metav1.NewTime(time.Unix(1000, 0)),
	}})
}

// unstarted is what the kubelet says of a container that the runtime could not start.
func unstarted() corev1.Pod {
	p := ended(128, "StartError", "no such file")
	p.Status.ContainerStatuses[1].State.Terminated.StartedAt = metav1.NewTime(time.Unix(0, 0))
	return p
}

func deleted(pod corev1.Pod) corev1.Pod {
	pod.DeletionTimestamp = &metav1.Time{Time: time.Unix(2000, 0)}
	return pod
}

func unschedulable() corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "Insufficient memory"},
	}}}
}

func TestObserve(t *testing.T) {
	code := func(c int32) *int32 { return &c }
	evicted := corev1.Pod{Status: corev1.PodStatus{Reason: "Evicted", Message: "low on memory"}}
	running := pod(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	const failed, backoff = batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded
	for name, test := range map[string]struct {
		job      *batchv1.Job
		pods     []corev1.Pod
		refusals []string
		last     *v1alpha1.ExecutionStatus
		want     diagnosis.Observation
	}{
		"no pod yet":         {job: jobWith("", ""), want: diagnosis.Observation{Status: "Waiting"}},
		"container creating": {job: jobWith("", ""), pods: []corev1.Pod{waiting("ContainerCreating")}, want: diagnosis.Observation{Status: "Waiting"}},
		"running":            {job: jobWith("", ""), pods: []corev1.Pod{running}, want: diagnosis.Observation{Status: "Running", Started: true}},
		"ended, Job not yet": {job: jobWith("", ""), pods: []corev1.Pod{ended(1, "Error", "")}, want: diagnosis.Observation{Status: "Running", Started: true}},
		"about to fail": {job: jobWith(batchv1.JobFailureTarget, backoff), pods: []corev1.Pod{ended(1, "Error", "")},
			want: diagnosis.Observation{Status: "Running", Started: true}},
		"complete": {job: jobWith(batchv1.JobComplete, ""), pods: []corev1.Pod{ended(0, "Completed", "")}, want: diagnosis.Observation{Status: "Completed", Started: true}},
		"exit code": {job: jobWith(failed, backoff), pods: []corev1.Pod{ended(3, "Error", "boom\n")}, want: diagnosis.Observation{Status: "Failed", Started: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureTaskFailed, Message: "the workflow ended with exit code 3: boom", ExitCode: code(3)}}},
		"out of memory": {job: jobWith(failed, backoff), pods: []corev1.Pod{ended(137, "OOMKilled", "")}, want: diagnosis.Observation{Status: "Failed", Started: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureOOMKilled, Message: "the container used more memory than its limit", ExitCode: code(137)}}},
		"killed": {job: jobWith(failed, backoff), pods: []corev1.Pod{ended(137, "Error", "")}, want: diagnosis.Observation{Status: "Failed", Started: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureOOMKilled, Message: "the container was killed, which happens to one that uses more memory than its limit", ExitCode: code(137)}}},
		"killed by the pod's deletion": {job: jobWith(failed, backoff), pods: []corev1.Pod{deleted(ended(137, "Error", ""))}, want: diagnosis.Observation{Status: "Failed", Started: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureTaskFailed, Message: "the workflow ended with exit code 137", ExitCode: code(137)}}},
		"no such program": {job: jobWith(failed, backoff), pods: []corev1.Pod{unstarted()}, want: diagnosis.Observation{Status: "Failed",
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureConfigurationError, Message: "the container could not be started: no such file", ExitCode: code(128)}}},
		"evicted": {job: jobWith(failed, backoff), pods: []corev1.Pod{evicted}, want: diagnosis.Observation{Status: "Failed",
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureResourceExhausted, Message: "the pod was evicted: low on memory"}}},
		"pod deleted": {job: jobWith(failed, backoff), want: diagnosis.Observation{Status: "Failed",
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureUnknown, Message: "the Job failed without a result of its pod: says the Job"}}},
		"timeout": {job: jobWith(failed, batchv1.JobReasonDeadlineExceeded), pods: []corev1.Pod{ended(1, "Error", "stopped")}, last: &v1alpha1.ExecutionStatus{Status: "Running"},
			want: diagnosis.Observation{Status: "Failed", Started: true,
				Cause: diagnosis.Cause{Reason: v1alpha1.FailureDeadlineExceeded, Message: "the workflow did not end within its timeout: says the Job"}}},
		"timeout while stuck": {job: jobWith(failed, batchv1.JobReasonDeadlineExceeded),
			last: &v1alpha1.ExecutionStatus{Status: "Stuck", Reason: "ResourceExhausted", Message: "no node"},
			want: diagnosis.Observation{Status: "Failed", Cause: diagnosis.Cause{Reason: v1alpha1.FailureResourceExhausted, Message: "no node"}}},
		"no image": {job: jobWith("", ""), pods: []corev1.Pod{waiting("ErrImagePull")}, want: diagnosis.Observation{Status: "Stuck", Hopeless: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureImagePullBackOff, Message: "the image cannot be pulled: says the kubelet"}}},
		"bad image name": {job: jobWith("", ""), pods: []corev1.Pod{waiting("InvalidImageName")}, want: diagnosis.Observation{Status: "Stuck", Hopeless: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureConfigurationError, Message: "the container cannot be made: says the kubelet"}}},
		"no node": {job: jobWith("", ""), pods: []corev1.Pod{unschedulable()}, want: diagnosis.Observation{Status: "Stuck",
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureResourceExhausted, Message: "no node has room for the pod: Insufficient memory"}}},
		"pod refused": {job: jobWith("", ""), refusals: []string{"old", `pods "x" is forbidden: violates PodSecurity`}, want: diagnosis.Observation{Status: "Stuck", Hopeless: true,
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureForbidden, Message: `Kubernetes refused to create it: pods "x" is forbidden: violates PodSecurity`}}},
		"quota": {job: jobWith("", ""), refusals: []string{`pods "x" is forbidden: exceeded quota: q`}, want: diagnosis.Observation{Status: "Stuck",
			Cause: diagnosis.Cause{Reason: v1alpha1.FailureResourceExhausted, Message: `Kubernetes refused to create it: pods "x" is forbidden: exceeded quota: q`}}},
		"no account": {job: jobWith("", ""), refusals: []string{`pods "x" is forbidden: error looking up service account a/b: not found`},
			want: diagnosis.Observation{Status: "Stuck", Hopeless: true, Cause: diagnosis.Cause{Reason: v1alpha1.FailureConfigurationError,
				Message: `Kubernetes refused to create it: pods "x" is forbidden: error looking up service account a/b: not found`}}},
		"refusals before a pod": {job: jobWith("", ""), pods: []corev1.Pod{running}, refusals: []string{"x"}, want: diagnosis.Observation{Status: "Running", Started: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := diagnosis.Observe(test.job, test.pods, test.refusals, test.last)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("observation (-want +got):\n%s", diff)
			}
			if got.Done() != diagnosis.Finished(test.job) {
				t.Errorf("Done is %t, Finished is %t", got.Done(), diagnosis.Finished(test.job))
			}
		})
	}
}

func TestLatestPodCounts(t *testing.T) {
	old, young := ended(1, "Error", ""), pod(corev1.ContainerState{})
	old.CreationTimestamp, young.CreationTimestamp = metav1.NewTime(time.Unix(1, 0)), metav1.NewTime(time.Unix(2, 0))
	if got := diagnosis.Observe(jobWith("", ""), []corev1.Pod{old, young, old}, nil, nil); got.Status != diagnosis.Waiting {
		t.Errorf("got %q, want the young pod's state", got.Status)
	}
}

func TestLongMessageKeepsItsEnd(t *testing.T) {
	message := strings.Repeat("ü", 2000) + "the end"
	got := diagnosis.Observe(jobWith(batchv1.JobFailed, ""), []corev1.Pod{ended(1, "Error", message)}, nil, nil).Cause.Message
	if !strings.HasSuffix(got, "the end") || len(got) > 1100 || strings.ToValidUTF8(got, "") != got {
		t.Errorf("got %d bytes: %q", len(got), got)
	}
}

func TestFinal(t *testing.T) {
	kind := schema.GroupResource{Group: "batch", Resource: "jobs"}
	terminating := apierrors.NewForbidden(kind, "x", errors.New("because it is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"none":                  {nil, false},
		"forbidden":             {apierrors.NewForbidden(kind, "x", errors.New("no")), true},
		"namespace terminating": {terminating, false},
		"invalid":               {apierrors.NewInvalid(schema.GroupKind{}, "x", nil), true},
		"bad request":           {apierrors.NewBadRequest("x"), true},
		"exists":                {apierrors.NewAlreadyExists(kind, "x"), false},
		"no namespace":          {apierrors.NewNotFound(kind, "x"), false},
		"server busy":           {apierrors.NewTooManyRequests("x", 1), false},
	} {
		if got := diagnosis.Final(test.err); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}
