package platform

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSettled(t *testing.T) {
	one, now := int32(1), metav1.Now()
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Generation: 2},
		Spec:       appsv1.DeploymentSpec{Replicas: &one},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 2, ReadyReplicas: 1, UpdatedReplicas: 1},
	}
	ready := corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
	ending := ready
	ending.DeletionTimestamp = &now
	for name, c := range map[string]struct {
		pods []corev1.Pod
		want bool
	}{
		"ready":               {[]corev1.Pod{ready}, true},
		"none yet":            {nil, false},
		"not ready":           {[]corev1.Pod{{}}, false},
		"ends":                {[]corev1.Pod{ending}, false},
		"ends, next is ready": {[]corev1.Pod{ending, ready}, false},
		"one too many":        {[]corev1.Pod{ready, ready}, false},
	} {
		if err := settled(deployment, c.pods); (err == nil) != c.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
	deployment.Generation++
	if settled(deployment, []corev1.Pod{ready}) == nil {
		t.Error("a change that nobody has seen yet is settled")
	}
}
