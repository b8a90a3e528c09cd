// Package diagnosis tells from a Job and its pods how far a workflow has come, and why it failed.
//
// Kubernetes spreads the story over four places: the Job's conditions (success, deadline), the pod's status (evicted,
// unschedulable), the container's state (exit code, out of memory, no image), and the Job's events (pods that were refused).
// What is in them when the Job has ended may be less than what was there before, because Kubernetes removes the pods of a
// Job that ran too long; so the last observation counts, too.
//
// The package is pure: it reads objects and talks to no cluster.
package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	jobs "github.com/kubernaut/kubernaut/services/workflowexecution/job"
)

// Words of a WorkflowExecution's executionStatus.status.
const (
	Waiting   = "Waiting"
	Stuck     = "Stuck"
	Running   = "Running"
	Completed = "Completed"
	Failed    = "Failed"
)

// longest bounds what is kept of another program's message, in bytes.
const longest = 1024

// killed is the exit code of a process that SIGKILL has ended: 128 + 9.
const killed = 137

// Cause is why a workflow failed or cannot start.
type Cause struct {
	Reason  v1alpha1.FailureReason
	Message string
	// ExitCode of the workflow's container; nil when it has none.
	ExitCode *int32
}

// Untouched reports whether a workflow that was never seen running cannot have run: a pod that is gone takes the proof along.
func (c Cause) Untouched() bool {
	return c.Reason != v1alpha1.FailureUnknown && c.Reason != v1alpha1.FailureDeadlineExceeded
}

// Observation is a Job's state.
type Observation struct {
	// Status is one of the words above.
	Status string
	// Started is true once the workflow's container has run: the target may have been touched.
	Started bool
	// Cause is of a failure, or of being stuck.
	Cause Cause
	// Hopeless is true when what it is stuck in does not end by waiting for other workloads to end.
	Hopeless bool
}

// Done reports whether the Job has ended.
func (o Observation) Done() bool { return o.Status == Completed || o.Status == Failed }

// Observe returns the state of a Job with these pods. refusals are the messages of the Job's events about pods that could
// not be created; last is what an earlier observation was stored as, nil for the first.
func Observe(job *batchv1.Job, pods []corev1.Pod, refusals []string, last *v1alpha1.ExecutionStatus) Observation {
	pod := latest(pods)
	observation := Observation{Status: Waiting, Started: job.Status.Succeeded > 0 || started(pod)}
	switch failed := condition(job, batchv1.JobFailed); {
	case condition(job, batchv1.JobComplete) != nil:
		observation.Status = Completed
		return observation
	case failed != nil:
		observation.Status, observation.Cause = Failed, failure(failed, pod, last)
		return observation
	case observation.Started:
		observation.Status = Running
		return observation
	}
	observation.Cause, observation.Hopeless = stuck(pod, refusals)
	if observation.Cause.Reason != "" {
		observation.Status = Stuck
	}
	return observation
}

func condition(job *batchv1.Job, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i, c := range job.Status.Conditions {
		if c.Type == kind && c.Status == corev1.ConditionTrue {
			return &job.Status.Conditions[i]
		}
	}
	return nil
}

// Finished reports whether the Job has ended, one way or the other.
func Finished(job *batchv1.Job) bool {
	return condition(job, batchv1.JobComplete) != nil || condition(job, batchv1.JobFailed) != nil
}

func latest(pods []corev1.Pod) *corev1.Pod {
	if len(pods) == 0 {
		return nil
	}
	pod := slices.MaxFunc(pods, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return &pod
}

// state returns the state of the workflow's container, empty when there is none yet.
func state(pod *corev1.Pod) corev1.ContainerState {
	if pod == nil {
		return corev1.ContainerState{}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == jobs.Container {
			return status.State
		}
	}
	return corev1.ContainerState{}
}

// started: the runtime gives a container that it could not start the time 0.
func started(pod *corev1.Pod) bool {
	state := state(pod)
	return state.Running != nil || state.Terminated != nil && state.Terminated.StartedAt.Unix() > 0
}

// failure prefers what the container says to what the pod says, and that to what the Job says.
func failure(failed *batchv1.JobCondition, pod *corev1.Pod, last *v1alpha1.ExecutionStatus) Cause {
	late := failed.Reason == batchv1.JobReasonDeadlineExceeded
	if late && last != nil && last.Status == Stuck {
		return Cause{Reason: v1alpha1.FailureReason(last.Reason), Message: last.Message}
	}
	if late {
		return Cause{Reason: v1alpha1.FailureDeadlineExceeded, Message: "the workflow did not end within its timeout: " + failed.Message}
	}
	if pod != nil && pod.Status.Reason == "Evicted" {
		return Cause{Reason: v1alpha1.FailureResourceExhausted, Message: "the pod was evicted: " + cut(pod.Status.Message)}
	}
	if terminated := state(pod).Terminated; terminated != nil && terminated.ExitCode != 0 {
		return exit(terminated, pod.DeletionTimestamp.IsZero())
	}
	return Cause{Reason: v1alpha1.FailureUnknown, Message: "the Job failed without a result of its pod: " + failed.Message}
}

// exit explains the end of the workflow's container. The runtime's word OOMKilled comes by an event that may lose the race
// against the container's end (https://github.com/containerd/containerd/issues/8180). So a kill that nobody has asked for
// counts as one for memory, too.
func exit(terminated *corev1.ContainerStateTerminated, unasked bool) Cause {
	cause := Cause{Reason: v1alpha1.FailureTaskFailed, ExitCode: &terminated.ExitCode}
	switch {
	case terminated.Reason == "OOMKilled":
		cause.Reason, cause.Message = v1alpha1.FailureOOMKilled, "the container used more memory than its limit"
	case terminated.Reason == "StartError" || terminated.Reason == "ContainerCannotRun":
		cause.Reason, cause.Message = v1alpha1.FailureConfigurationError, "the container could not be started: "+cut(terminated.Message)
	case terminated.ExitCode == killed && unasked:
		cause.Reason, cause.Message = v1alpha1.FailureOOMKilled, "the container was killed, which happens to one that uses more memory than its limit"
	default:
		cause.Message = fmt.Sprintf("the workflow ended with exit code %d", terminated.ExitCode)
		if message := cut(terminated.Message); message != "" {
			cause.Message += ": " + message
		}
	}
	return cause
}

// stuck returns why the workflow cannot start, an empty cause when nothing speaks against it.
func stuck(pod *corev1.Pod, refusals []string) (cause Cause, hopeless bool) {
	if pod == nil {
		if len(refusals) == 0 {
			return Cause{}, false
		}
		cause = Refused(refusals[len(refusals)-1])
		return cause, cause.Reason != v1alpha1.FailureResourceExhausted
	}
	if waiting := state(pod).Waiting; waiting != nil {
		switch waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable":
			return Cause{Reason: v1alpha1.FailureImagePullBackOff, Message: "the image cannot be pulled: " + cut(waiting.Message)}, true
		case "InvalidImageName", "ImageInspectError", "CreateContainerConfigError", "CreateContainerError":
			return Cause{Reason: v1alpha1.FailureConfigurationError, Message: "the container cannot be made: " + cut(waiting.Message)}, true
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable {
			return Cause{Reason: v1alpha1.FailureResourceExhausted, Message: "no node has room for the pod: " + cut(c.Message)}, false
		}
	}
	return Cause{}, false
}

// Refused returns the cause behind the API server's refusal to create a Job or a pod.
func Refused(message string) Cause {
	cause := Cause{Reason: v1alpha1.FailureForbidden, Message: "Kubernetes refused to create it: " + cut(message)}
	switch {
	case strings.Contains(message, "exceeded quota"):
		cause.Reason = v1alpha1.FailureResourceExhausted
	case strings.Contains(message, "error looking up service account"), strings.Contains(message, "is invalid"):
		cause.Reason = v1alpha1.FailureConfigurationError
	}
	return cause
}

// Final reports whether trying to create the same Job again is of no use.
func Final(err error) bool {
	return apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) ||
		apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

func cut(message string) string {
	message = strings.TrimSpace(message)
	if len(message) <= longest {
		return message
	}
	return strings.ToValidUTF8(message[len(message)-longest:], "")
}
