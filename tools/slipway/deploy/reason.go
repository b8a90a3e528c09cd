package deploy

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const (
	diagnosis  = 10 * time.Second // limit of all requests for reasons
	lastEvents = 5
	lastLines  = 20
)

// reason is why a workload is not ready: what its least ready pod says.
type reason struct {
	cause     string // "ErrImagePull kind.local/gateway@sha256:…"; "" when nothing is known
	fate      fate
	pod       corev1.Pod
	container string    // the container that is not ready, "" when the pod as a whole is meant
	ended     time.Time // the container's last crash; zero when it has not crashed
}

// explain looks for what keeps the workload from creating pods, then for its worst pod. live is the workload as it is now,
// or nil. It returns the zero reason when nothing is known.
func explain(o object, live *unstructured.Unstructured, pods []corev1.Pod) reason {
	// All pods are of previous rollouts then, and so may be the condition of one that does create pods.
	if live != nil && o.GetKind() == "Deployment" && updatedReplicas(live) == 0 {
		return reason{cause: condition(live.Object, string(appsv1.DeploymentReplicaFailure))}
	}
	var worst reason
	for _, pod := range latest(pods) {
		if r := diagnose(pod); worst.cause == "" || r.fate > worst.fate {
			worst = r
		}
	}
	return worst
}

func updatedReplicas(deployment *unstructured.Unstructured) int64 {
	n, _, _ := unstructured.NestedInt64(deployment.Object, "status", "updatedReplicas")
	return n
}

// latest keeps the pods of the newest pod's rollout. Pods of the previous one may stay, broken as they are, until the new
// ones are ready.
func latest(newestFirst []corev1.Pod) []corev1.Pod {
	return slices.DeleteFunc(newestFirst, func(pod corev1.Pod) bool { return rollout(pod) != rollout(newestFirst[0]) })
}

// rollout returns the hash of the pod's template; "" for pods of a Job or of their own.
func rollout(pod corev1.Pod) string {
	return cmp.Or(pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey], pod.Labels[appsv1.ControllerRevisionHashLabelKey])
}

// diagnose says what keeps the pod from being ready. A ready pod has no cause.
func diagnose(pod corev1.Pod) reason {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if cause := containerCause(s); cause != "" {
			return reason{cause: cause, fate: fateOf(s), pod: pod, container: s.Name, ended: lastCrash(s)}
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return reason{cause: condition.Reason + " " + condition.Message, pod: pod}
		}
	}
	return unfinished(pod)
}

// unfinished says what a pod without a fault is doing, which may be just what takes too long.
func unfinished(pod corev1.Pod) reason {
	for _, s := range pod.Status.InitContainerStatuses {
		if s.State.Running != nil && !isSidecar(pod, s.Name) {
			return reason{cause: fmt.Sprintf("init container %s has not ended", s.Name), pod: pod, container: s.Name}
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		switch {
		case s.State.Waiting != nil:
			return reason{cause: fmt.Sprintf("container %s waits: %s", s.Name, s.State.Waiting.Reason), pod: pod}
		case s.State.Running != nil && !s.Ready:
			return reason{cause: fmt.Sprintf("container %s runs but is not ready", s.Name), pod: pod, container: s.Name}
		}
	}
	return reason{}
}

// isSidecar: an init container that is meant to run on, https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/.
func isSidecar(pod corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}

// containerCause returns what the container waits for or died of.
func containerCause(s corev1.ContainerStatus) string {
	switch waiting, ended := s.State.Waiting, cmp.Or(s.State.Terminated, s.LastTerminationState.Terminated); {
	case waiting != nil && isImageCause(waiting.Reason):
		return waiting.Reason + " " + s.Image
	case waiting != nil && waiting.Reason == "CrashLoopBackOff" && ended != nil:
		return fmt.Sprintf("CrashLoopBackOff, container %s exited with %d (%s), %s", s.Name, ended.ExitCode, ended.Reason, progress.Count(int(s.RestartCount), "restart"))
	case waiting != nil && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing":
		return strings.TrimSpace(waiting.Reason + " " + waiting.Message)
	case s.State.Terminated != nil && ended.ExitCode != 0:
		return fmt.Sprintf("container %s exited with %d (%s)", s.Name, ended.ExitCode, ended.Reason)
	}
	return ""
}

func isImageCause(cause string) bool {
	return strings.Contains(cause, "Image")
}

func lastCrash(s corev1.ContainerStatus) time.Time {
	if ended := cmp.Or(s.State.Terminated, s.LastTerminationState.Terminated); ended != nil {
		return ended.FinishedAt.Time
	}
	return time.Time{}
}

// withDetails adds the pod's last events and the last log lines of its container, each on an indented line.
func (r reason) withDetails(ctx context.Context, c *cluster) string {
	if r.pod.Name == "" {
		return r.cause
	}
	lines := slices.Concat(c.events(ctx, r.pod), c.logs(ctx, r.pod, r.container))
	return strings.Join(append([]string{r.cause}, lines...), "\n    ")
}

func (c *cluster) events(ctx context.Context, pod corev1.Pod) []string {
	list, err := c.typed.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(pod.UID)})
	if err != nil {
		return nil
	}
	slices.SortFunc(list.Items, func(a, b corev1.Event) int { return a.LastTimestamp.Compare(b.LastTimestamp.Time) })
	var lines []string
	for _, e := range list.Items[max(0, len(list.Items)-lastEvents):] {
		lines = append(lines, fmt.Sprintf("pod/%s event: %s: %s", pod.Name, e.Reason, e.Message))
	}
	return lines
}

// logs returns the last lines of the container's run that the reason is about. One that waits for its next start, or has
// just been started again, has told what matters in its previous run.
func (c *cluster) logs(ctx context.Context, pod corev1.Pod, container string) []string {
	if container == "" {
		return nil
	}
	runs := []bool{false, true} // previous
	if waits(pod, container) {
		runs = []bool{true, false}
	}
	for _, previous := range runs {
		tail := int64(lastLines)
		options := &corev1.PodLogOptions{Container: container, TailLines: &tail, Previous: previous}
		stream, err := c.typed.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
		if err != nil {
			continue
		}
		data, _ := io.ReadAll(stream)
		_ = stream.Close()
		if text := strings.TrimSpace(string(data)); text != "" {
			return prefixed("pod/"+pod.Name+" log: ", strings.Split(text, "\n"))
		}
	}
	return nil
}

func waits(pod corev1.Pod, container string) bool {
	return slices.ContainsFunc(slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses), func(s corev1.ContainerStatus) bool {
		return s.Name == container && s.State.Waiting != nil
	})
}

func prefixed(prefix string, lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = prefix + line
	}
	return out
}

func jobCompleted(content map[string]any) bool {
	return condition(content, "Complete") != ""
}

// condition returns reason and message of a condition that is true, "" when it is not.
func condition(content map[string]any, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(content, "status", "conditions")
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if c["type"] == kind && c["status"] == "True" {
			return strings.TrimSpace(fmt.Sprint(kind, " ", cmp.Or(c["message"], c["reason"], any(""))))
		}
	}
	return ""
}
