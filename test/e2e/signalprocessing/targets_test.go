package signalprocessing_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
)

// namespace makes a namespace of the run until the test ends. Its name tells no environment.
func (s *suite) namespace(t *testing.T, name string, labels map[string]string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "e2e-" + s.Run + "-" + name, Labels: labels}}
	s.make(t, namespace)
	return namespace.Name
}

// make creates objects. What is in a namespace of the run goes with it.
func (s *suite) make(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := s.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		if _, ok := object.(*corev1.Namespace); ok {
			s.removeFinally(t, object)
		}
	}
}

// blocks returns the names in the blocks of a context, by kind.
func blocks(found *api.KubernetesContext) map[string]string {
	names := map[string]string{}
	for kind, block := range map[string]*api.WorkloadContext{
		"Deployment": found.Deployment, "StatefulSet": found.StatefulSet, "DaemonSet": found.DaemonSet, "ReplicaSet": found.ReplicaSet,
	} {
		if block != nil {
			names[kind] = block.Name
		}
	}
	if found.Pod != nil {
		names["Pod"] = found.Pod.Name
	}
	if found.Service != nil {
		names["Service"] = found.Service.Name
	}
	if found.Node != nil {
		names["Node"] = found.Node.Name
	}
	return names
}

func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func app(name string) map[string]string { return map[string]string{"app": name} }

// template is the form of pods that never run: no target here has replicas, and no image is pulled.
func template(name string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: app(name)},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"kubernaut.ai/no-such-node": "true"},
			Containers:   []corev1.Container{{Name: "main", Image: "none.invalid/none"}},
		},
	}
}

func deployment(namespace, name string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: named(namespace, name), Spec: appsv1.DeploymentSpec{
		Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: app(name)}, Template: template(name),
	}}
}

// managed is a deployment with the marks of Helm, Argo CD and Istio, with limits and with a volume claim.
func managed(namespace, name string) *appsv1.Deployment {
	made := deployment(namespace, name)
	made.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
	made.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": name}
	pod := &made.Spec.Template
	pod.Annotations = map[string]string{"sidecar.istio.io/inject": "true"}
	pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
	}}}
	return made
}

// workloads returns one object of each kind that has a block, named like the kind.
func workloads(namespace string) []client.Object {
	selector := func(name string) *metav1.LabelSelector { return &metav1.LabelSelector{MatchLabels: app(name)} }
	return []client.Object{
		deployment(namespace, "deployment"),
		&appsv1.StatefulSet{ObjectMeta: named(namespace, "statefulset"), Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32), Selector: selector("statefulset"), Template: template("statefulset"), ServiceName: "service",
		}},
		&appsv1.DaemonSet{ObjectMeta: named(namespace, "daemonset"), Spec: appsv1.DaemonSetSpec{
			Selector: selector("daemonset"), Template: template("daemonset"),
		}},
		&appsv1.ReplicaSet{ObjectMeta: named(namespace, "replicaset"), Spec: appsv1.ReplicaSetSpec{
			Replicas: new(int32), Selector: selector("replicaset"), Template: template("replicaset"),
		}},
		&corev1.Service{ObjectMeta: named(namespace, "service"), Spec: corev1.ServiceSpec{
			Selector: app("service"), Ports: []corev1.ServicePort{{Port: 80}},
		}},
	}
}

func budget(namespace, name string) client.Object {
	return &policyv1.PodDisruptionBudget{ObjectMeta: named(namespace, name), Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: app(name)},
	}}
}

func autoscaler(namespace, name string) client.Object {
	return &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: named(namespace, name), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}, MaxReplicas: 2,
	}}
}

func isolation(namespace, name string) client.Object {
	return &networkingv1.NetworkPolicy{ObjectMeta: named(namespace, name), Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: app(name)},
	}}
}
