package enrichment_test

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// shop returns a namespace, a pod with one healthy, one failing and one new container, its ReplicaSet, its Deployment, and
// its node, in this order.
func shop() []client.Object {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "shop-1", Namespace: "apps", Labels: map[string]string{"app": "shop"}, OwnerReferences: controlledBy("ReplicaSet", "shop-abc")},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{
			{Name: "web", Image: "web:1"}, {Name: "log", Image: "log:1"}, {Name: "new", Image: "new:1"},
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{
				Name: "log", RestartCount: 3,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			},
			{
				Name: "web", RestartCount: 2, Ready: true,
				State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled"}},
			},
		}},
	}
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: "apps", Labels: map[string]string{"team": "a"},
			Annotations: map[string]string{"note": "n", corev1.LastAppliedConfigAnnotation: "{}"},
		}},
		pod,
		&appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Name: "shop-abc", Namespace: "apps", OwnerReferences: controlledBy("Deployment", "shop")},
			Status:     appsv1.ReplicaSetStatus{Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1},
		},
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "apps", Labels: map[string]string{"tier": "web"}},
			Status:     appsv1.DeploymentStatus{Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1},
		},
		&corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "node-1", Labels: map[string]string{"zone": "z"}},
			Spec:       corev1.NodeSpec{Unschedulable: true},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue},
				{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse},
				{Type: corev1.NodeReady, Status: corev1.ConditionTrue},
			}},
		},
	}
}

func controlledBy(kind, name string) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, Controller: &yes}}
}

func at(namespace string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: "around", Namespace: namespace}
}

func budget(namespace, app string) client.Object {
	return &policyv1.PodDisruptionBudget{ObjectMeta: at(namespace), Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
	}}
}

func scaler(kind, name string) client.Object {
	return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: at("apps"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: kind, Name: name},
	}}
}

func isolation(labels map[string]string) client.Object {
	return &networkingv1.NetworkPolicy{ObjectMeta: at("apps"), Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: labels},
	}}
}

func memory() *resource.Quantity { quantity := resource.MustParse("64Mi"); return &quantity }

func typeName(object any) string { return fmt.Sprintf("%T", object) }
