package enrichment_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/signalprocessing/enrichment"
)

func TestPodTarget(t *testing.T) {
	got := enrich(t, target("Pod", "shop-1"), shop()...)
	want := &v1alpha1.KubernetesContext{
		Namespace: &v1alpha1.NamespaceContext{Name: "apps", Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "n"}},
		Pod: &v1alpha1.PodContext{
			Name: "shop-1", Phase: "Running", NodeName: "node-1", RestartCount: 5, Labels: map[string]string{"app": "shop"},
			Containers: []v1alpha1.ContainerState{
				{Name: "web", Image: "web:1", Ready: true, RestartCount: 2, State: "Running", Reason: "OOMKilled"},
				{Name: "log", Image: "log:1", RestartCount: 3, State: "Waiting", Reason: "CrashLoopBackOff"},
				{Name: "new", Image: "new:1"},
			},
		},
		ReplicaSet:     &v1alpha1.WorkloadContext{Name: "shop-abc", Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1},
		Deployment:     &v1alpha1.WorkloadContext{Name: "shop", Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1, Labels: map[string]string{"tier": "web"}},
		Node:           &v1alpha1.NodeContext{Name: "node-1", Ready: true, Unschedulable: true, Labels: map[string]string{"zone": "z"}, Pressure: []string{"MemoryPressure"}},
		OwnerChain:     []v1alpha1.OwnerReference{{Kind: "ReplicaSet", Name: "shop-abc", Namespace: "apps"}, {Kind: "Deployment", Name: "shop", Namespace: "apps"}},
		DetectedLabels: &v1alpha1.DetectedLabels{},
	}
	if diff := cmp.Diff(enrichment.Result{Context: want}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestTargetFillsItsBlock(t *testing.T) {
	meta := metav1.ObjectMeta{Name: "x", Namespace: "apps"}
	three := &v1alpha1.WorkloadContext{Name: "x", Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1}
	for kind, test := range map[string]struct {
		object client.Object
		want   v1alpha1.KubernetesContext
	}{
		"Deployment": {
			&appsv1.Deployment{ObjectMeta: meta, Status: appsv1.DeploymentStatus{Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1}},
			v1alpha1.KubernetesContext{Deployment: three},
		},
		"StatefulSet": {
			&appsv1.StatefulSet{ObjectMeta: meta, Status: appsv1.StatefulSetStatus{Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1}},
			v1alpha1.KubernetesContext{StatefulSet: three, DetectedLabels: &v1alpha1.DetectedLabels{Stateful: true}},
		},
		"DaemonSet": {
			&appsv1.DaemonSet{ObjectMeta: meta, Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, NumberReady: 2, NumberAvailable: 1}},
			v1alpha1.KubernetesContext{DaemonSet: three},
		},
		"ReplicaSet": {
			&appsv1.ReplicaSet{ObjectMeta: meta, Status: appsv1.ReplicaSetStatus{Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1}},
			v1alpha1.KubernetesContext{ReplicaSet: three},
		},
		"Service": {
			&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
				Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": "none"}, Ports: []corev1.ServicePort{{Port: 80}, {Port: 443}},
			}},
			v1alpha1.KubernetesContext{Service: &v1alpha1.ServiceContext{Name: "x", Type: "ClusterIP", Selector: map[string]string{"app": "none"}, Ports: []int32{80, 443}}},
		},
		"Node": {
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "x"}},
			v1alpha1.KubernetesContext{Node: &v1alpha1.NodeContext{Name: "x"}},
		},
		"Job": {&batchv1.Job{ObjectMeta: meta}, v1alpha1.KubernetesContext{}},
	} {
		t.Run(kind, func(t *testing.T) {
			got := enrich(t, target(kind, "x"), test.object, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "apps"}})
			if test.want.DetectedLabels == nil {
				test.want.DetectedLabels = &v1alpha1.DetectedLabels{}
			}
			if kind != "Node" { // which is in no namespace
				test.want.Namespace = &v1alpha1.NamespaceContext{Name: "apps"}
			}
			if diff := cmp.Diff(enrichment.Result{Context: &test.want}, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDetections(t *testing.T) {
	limits := corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: *memory()}}
	for name, test := range map[string]struct {
		change func(*appsv1.Deployment, *corev1.Pod)
		around client.Object
		want   v1alpha1.DetectedLabels
	}{
		"helm by label": {func(d *appsv1.Deployment, _ *corev1.Pod) {
			d.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
		}, nil, v1alpha1.DetectedLabels{HelmManaged: true}},
		"helm by chart on the pod": {func(_ *appsv1.Deployment, p *corev1.Pod) { p.Labels["helm.sh/chart"] = "shop-1.0" }, nil, v1alpha1.DetectedLabels{HelmManaged: true}},
		"managed by another": {func(d *appsv1.Deployment, _ *corev1.Pod) {
			d.Labels = map[string]string{"app.kubernetes.io/managed-by": "hand"}
		}, nil, v1alpha1.DetectedLabels{}},
		"argocd": {func(d *appsv1.Deployment, _ *corev1.Pod) {
			d.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "a"}
		}, nil, v1alpha1.DetectedLabels{GitOpsManaged: true}},
		"flux": {func(d *appsv1.Deployment, _ *corev1.Pod) {
			d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "a"}
		}, nil, v1alpha1.DetectedLabels{GitOpsManaged: true}},
		"istio sidecar": {func(_ *appsv1.Deployment, p *corev1.Pod) {
			p.Annotations = map[string]string{"sidecar.istio.io/status": "{}"}
		}, nil, v1alpha1.DetectedLabels{ServiceMesh: "istio"}},
		"istio refused": {func(_ *appsv1.Deployment, p *corev1.Pod) {
			p.Annotations = map[string]string{"sidecar.istio.io/inject": "false"}
		}, nil, v1alpha1.DetectedLabels{}},
		"linkerd sidecar": {func(_ *appsv1.Deployment, p *corev1.Pod) {
			p.Annotations = map[string]string{"linkerd.io/inject": "enabled"}
		}, nil, v1alpha1.DetectedLabels{ServiceMesh: "linkerd"}},
		"limits": {func(_ *appsv1.Deployment, p *corev1.Pod) {
			for i := range p.Spec.Containers {
				p.Spec.Containers[i].Resources = limits
			}
		}, nil, v1alpha1.DetectedLabels{HasResourceLimits: true}},
		"limits of one container": {func(_ *appsv1.Deployment, p *corev1.Pod) { p.Spec.Containers[0].Resources = limits }, nil, v1alpha1.DetectedLabels{}},
		"volume claim": {func(_ *appsv1.Deployment, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}}}
		}, nil, v1alpha1.DetectedLabels{Stateful: true}},
		"budget":                    {nil, budget("apps", "shop"), v1alpha1.DetectedLabels{HasPDB: true}},
		"budget of another":         {nil, budget("apps", "other"), v1alpha1.DetectedLabels{}},
		"budget elsewhere":          {nil, budget("other", "shop"), v1alpha1.DetectedLabels{}},
		"budget without a selector": {nil, &policyv1.PodDisruptionBudget{ObjectMeta: at("apps")}, v1alpha1.DetectedLabels{}},
		"scaler":                    {nil, scaler("Deployment", "shop"), v1alpha1.DetectedLabels{HasHPA: true}},
		"scaler of another":         {nil, scaler("Deployment", "other"), v1alpha1.DetectedLabels{}},
		"scaler of another kind":    {nil, scaler("StatefulSet", "shop"), v1alpha1.DetectedLabels{}},
		"network policy":            {nil, isolation(map[string]string{"app": "shop"}), v1alpha1.DetectedLabels{NetworkIsolated: true}},
		"network policy for all":    {nil, isolation(nil), v1alpha1.DetectedLabels{NetworkIsolated: true}},
		"network policy of another": {nil, isolation(map[string]string{"app": "other"}), v1alpha1.DetectedLabels{}},
	} {
		t.Run(name, func(t *testing.T) {
			objects := shop()
			if test.change != nil {
				test.change(objects[3].(*appsv1.Deployment), objects[1].(*corev1.Pod))
			}
			if test.around != nil {
				objects = append(objects, test.around)
			}
			// What holds for the pod holds for the Service that leads to it.
			objects = append(objects, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "front", Namespace: "apps"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "shop"}}})
			for _, wanted := range []v1alpha1.TargetResource{target("Pod", "shop-1"), target("Service", "front")} {
				got := enrich(t, wanted, objects...)
				if diff := cmp.Diff(&test.want, got.Context.DetectedLabels); diff != "" {
					t.Errorf("detected labels of %s (-want +got):\n%s", wanted.Kind, diff)
				}
				if wanted.Kind == "Service" && got.Context.OwnerChain != nil {
					t.Errorf("owner chain of a Service: got %v, want none", got.Context.OwnerChain)
				}
			}
		})
	}
}

func TestAbsence(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "apps"}}
	for name, test := range map[string]struct {
		target  v1alpha1.TargetResource
		objects []client.Object
		want    string
	}{
		"pod":       {target("Pod", "gone"), []client.Object{namespace}, `reading Pod "apps/gone"`},
		"namespace": {target("Pod", "gone"), nil, `reading Namespace "/apps"`},
		"node":      {target("Node", "gone"), nil, `reading Node "/gone"`},
		"kind":      {target("Rollout", "shop"), []client.Object{namespace}, `targets of kind "Rollout" are not read`},
	} {
		t.Run(name, func(t *testing.T) {
			got := enrich(t, test.target, test.objects...)
			if !got.Context.DegradedMode || got.Err != nil || got.Absent == nil || !strings.Contains(got.Absent.Error(), test.want) {
				t.Errorf("got %+v, want degraded mode because of %q, and no error", got, test.want)
			}
			if got.Context.DetectedLabels != nil {
				t.Errorf("detected labels: got %+v, want none", got.Context.DetectedLabels)
			}
		})
	}
}

// An owner that was deleted before its pod is named and ends the chain.
func TestOwnerIsGone(t *testing.T) {
	got := enrich(t, target("Pod", "shop-1"), shop()[:3]...)
	want := []v1alpha1.OwnerReference{{Kind: "ReplicaSet", Name: "shop-abc", Namespace: "apps"}, {Kind: "Deployment", Name: "shop", Namespace: "apps"}}
	if diff := cmp.Diff(want, got.Context.OwnerChain); diff != "" || got.Err != nil || got.Context.DetectedLabels.FailedDetections != nil {
		t.Errorf("got %+v and error %v; chain (-want +got):\n%s", got.Context, got.Err, diff)
	}
}

func TestOwnersThatOwnEachOther(t *testing.T) {
	objects := shop()
	objects[3].SetOwnerReferences(controlledBy("ReplicaSet", "shop-abc"))
	if got := enrich(t, target("Pod", "shop-1"), objects...); len(got.Context.OwnerChain) != 10 {
		t.Errorf("got a chain of %d, want it to end after 10", len(got.Context.OwnerChain))
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		kind     string // of the object or list that cannot be read
		failed   []string
		degraded bool
	}{
		"target":    {"*v1.Pod", nil, true},
		"namespace": {"*v1.Namespace", nil, true},
		"node":      {"*v1.Node", nil, false},
		"owner":     {"*v1.ReplicaSet", []string{"gitOpsManaged", "hasHPA", "helmManaged", "stateful"}, false},
		"budgets":   {"*v1.PodDisruptionBudgetList", []string{"hasPDB"}, false},
		"scalers":   {"*v2.HorizontalPodAutoscalerList", []string{"hasHPA"}, false},
		"policies":  {"*v1.NetworkPolicyList", []string{"networkIsolated"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			reader := reader(interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
					if typeName(object) == test.kind {
						return broken
					}
					return c.Get(ctx, key, object, options...)
				},
				List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
					if typeName(list) == test.kind {
						return broken
					}
					return c.List(ctx, list, options...)
				},
			}, shop()...)
			got := enrichment.Enricher{Reader: reader, Timeout: time.Minute}.Enrich(t.Context(), spec(target("Pod", "shop-1")))
			if !errors.Is(got.Err, broken) || got.Absent != nil || got.Context.DegradedMode != test.degraded {
				t.Errorf("got %+v with error %v, want degraded mode: %t", got.Context, got.Err, test.degraded)
			}
			var failed []string
			if got.Context.DetectedLabels != nil {
				failed = got.Context.DetectedLabels.FailedDetections
			}
			if diff := cmp.Diff(test.failed, failed); diff != "" {
				t.Errorf("failed detections (-want +got):\n%s", diff)
			}
		})
	}
}

// The time that a signal asks for ends reads that hang, and leaves what was found before.
func TestTimeout(t *testing.T) {
	hang := interceptor.Funcs{List: func(ctx context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	asked := spec(target("Pod", "shop-1"))
	asked.EnrichmentConfig.Timeout = &metav1.Duration{Duration: 20 * time.Millisecond}
	got := enrichment.Enricher{Reader: reader(hang, shop()...), Timeout: time.Hour}.Enrich(t.Context(), asked)
	if !errors.Is(got.Err, context.DeadlineExceeded) || got.Context.DegradedMode || got.Context.Deployment == nil {
		t.Errorf("got %+v and error %v, want the target and its owners, and that time was up", got.Context, got.Err)
	}
	if diff := cmp.Diff([]string{"hasHPA", "hasPDB", "networkIsolated"}, got.Context.DetectedLabels.FailedDetections); diff != "" {
		t.Errorf("failed detections (-want +got):\n%s", diff)
	}
}

func TestClusterStateIsNotWanted(t *testing.T) {
	asked, no := spec(target("Pod", "shop-1")), false
	asked.EnrichmentConfig.EnableClusterState = &no
	got := enrichment.Enricher{Reader: reader(interceptor.Funcs{}, shop()...), Timeout: time.Minute}.Enrich(t.Context(), asked)
	if diff := cmp.Diff(enrichment.Result{Context: &v1alpha1.KubernetesContext{}}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func enrich(t *testing.T, target v1alpha1.TargetResource, objects ...client.Object) enrichment.Result {
	t.Helper()
	return enrichment.Enricher{Reader: reader(interceptor.Funcs{}, objects...), Timeout: time.Minute}.Enrich(t.Context(), spec(target))
}

func reader(funcs interceptor.Funcs, objects ...client.Object) client.Reader {
	return fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithObjects(objects...).WithInterceptorFuncs(funcs).Build()
}

func spec(target v1alpha1.TargetResource) v1alpha1.SignalProcessingSpec {
	return v1alpha1.SignalProcessingSpec{Signal: v1alpha1.Signal{TargetResource: target}}
}

func target(kind, name string) v1alpha1.TargetResource {
	return v1alpha1.TargetResource{Kind: kind, Name: name, Namespace: "apps"}
}
