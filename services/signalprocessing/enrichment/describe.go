package enrichment

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// Kinds that are treated apart.
const (
	nodeKind        = "Node"
	statefulSetKind = "StatefulSet"
)

// newObject returns an empty object of a kind that is read, else nil.
func newObject(kind string) client.Object {
	switch kind {
	case "Pod":
		return &corev1.Pod{}
	case "Deployment":
		return &appsv1.Deployment{}
	case statefulSetKind:
		return &appsv1.StatefulSet{}
	case "DaemonSet":
		return &appsv1.DaemonSet{}
	case "ReplicaSet":
		return &appsv1.ReplicaSet{}
	case "Job":
		return &batchv1.Job{}
	case "Service":
		return &corev1.Service{}
	case nodeKind:
		return &corev1.Node{}
	default:
		return nil
	}
}

// describe fills the object's block. A Job has none.
func describe(into *v1alpha1.KubernetesContext, object client.Object) {
	switch typed := object.(type) {
	case *corev1.Pod:
		into.Pod = pod(typed)
	case *appsv1.Deployment:
		status := typed.Status
		into.Deployment = workload(typed, status.Replicas, status.ReadyReplicas, status.AvailableReplicas)
	case *appsv1.StatefulSet:
		status := typed.Status
		into.StatefulSet = workload(typed, status.Replicas, status.ReadyReplicas, status.AvailableReplicas)
	case *appsv1.DaemonSet:
		status := typed.Status
		into.DaemonSet = workload(typed, status.DesiredNumberScheduled, status.NumberReady, status.NumberAvailable)
	case *appsv1.ReplicaSet:
		status := typed.Status
		into.ReplicaSet = workload(typed, status.Replicas, status.ReadyReplicas, status.AvailableReplicas)
	case *corev1.Service:
		into.Service = service(typed)
	case *corev1.Node:
		into.Node = node(typed)
	}
}

func workload(object client.Object, replicas, ready, available int32) *v1alpha1.WorkloadContext {
	return &v1alpha1.WorkloadContext{
		Name: object.GetName(), Labels: object.GetLabels(),
		Replicas: replicas, ReadyReplicas: ready, AvailableReplicas: available,
	}
}

func pod(object *corev1.Pod) *v1alpha1.PodContext {
	found := &v1alpha1.PodContext{
		Name: object.Name, Phase: string(object.Status.Phase), NodeName: object.Spec.NodeName, Labels: object.Labels,
	}
	for _, container := range object.Spec.Containers {
		state := v1alpha1.ContainerState{Name: container.Name, Image: container.Image}
		at := slices.IndexFunc(object.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container.Name })
		if at >= 0 {
			status := object.Status.ContainerStatuses[at]
			state.Ready, state.RestartCount = status.Ready, status.RestartCount
			state.State, state.Reason = containerState(status)
		}
		found.RestartCount += state.RestartCount
		found.Containers = append(found.Containers, state)
	}
	return found
}

// containerState returns the state and its reason. A running container's reason is why it ended the last time.
func containerState(status corev1.ContainerStatus) (state, reason string) {
	switch {
	case status.State.Running != nil && status.LastTerminationState.Terminated != nil:
		return "Running", status.LastTerminationState.Terminated.Reason
	case status.State.Running != nil:
		return "Running", ""
	case status.State.Terminated != nil:
		return "Terminated", status.State.Terminated.Reason
	case status.State.Waiting != nil:
		return "Waiting", status.State.Waiting.Reason
	default:
		return "", ""
	}
}

func service(object *corev1.Service) *v1alpha1.ServiceContext {
	found := &v1alpha1.ServiceContext{Name: object.Name, Type: string(object.Spec.Type), Selector: object.Spec.Selector}
	for _, port := range object.Spec.Ports {
		found.Ports = append(found.Ports, port.Port)
	}
	return found
}

func node(object *corev1.Node) *v1alpha1.NodeContext {
	found := &v1alpha1.NodeContext{Name: object.Name, Labels: object.Labels, Unschedulable: object.Spec.Unschedulable}
	for _, condition := range object.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case condition.Type == corev1.NodeReady:
			found.Ready = true
		default:
			found.Pressure = append(found.Pressure, string(condition.Type))
		}
	}
	return found
}
