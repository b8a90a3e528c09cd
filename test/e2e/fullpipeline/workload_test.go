package fullpipeline_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
)

const (
	// runLabel is on every namespace of a run.
	runLabel = "kubernaut.ai/e2e-run"
	// workload is the name of every Deployment that alerts are about.
	workload = "web"
	// usedMemory is what the workload needs, brokenLimit what it may have at first, raisedLimit what mock-llm proposes.
	usedMemory, brokenLimit, raisedLimit = "96Mi", "48Mi", "1Gi"
	// calm is how long a pod must run without being killed: an allocation beyond its limit takes a fraction of a second.
	calm = 5 * time.Second
)

// deploy makes the flow's namespace and its workload: the workflow image, which is told to use memory and to hold it.
func (f *flow) deploy(t *testing.T, limit string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: f.alert.Namespace, Labels: map[string]string{runLabel: f.Run, "kubernaut.ai/environment": f.environment},
	}}
	if err := f.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	f.letPull(t)
	labels := map[string]string{"app": workload}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.alert.Namespace, Name: workload},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: f.pod(limit)},
		},
	}
	if err := f.Client.Create(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
}

// letPull gives the namespace the credentials that workflows are pulled with; where images come without, there are none.
func (f *flow) letPull(t *testing.T) {
	t.Helper()
	runner, err := f.Kube.CoreV1().ServiceAccounts(f.workflows).Get(t.Context(), api.WorkflowRunner, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range runner.ImagePullSecrets {
		secret, err := f.Kube.CoreV1().Secrets(f.workflows).Get(t.Context(), reference.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secret.ObjectMeta = metav1.ObjectMeta{Namespace: f.alert.Namespace, Name: reference.Name}
		if err := f.Client.Create(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	f.pullSecrets = runner.ImagePullSecrets
}

func (f *flow) pod(limit string) corev1.PodSpec {
	grace, no := int64(0), false
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: &no, EnableServiceLinks: &no, ImagePullSecrets: f.pullSecrets,
		Containers: []corev1.Container{{
			Name: workload, Image: f.reference(),
			Env: []corev1.EnvVar{{Name: "ACTION", Value: "allocate"}, {Name: "MEMORY", Value: usedMemory}, {Name: "DURATION", Value: "24h"}},
			Resources: corev1.ResourceRequirements{
				// Without a request of its own, the pod would reserve its limit.
				Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("16Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)},
			},
		}},
	}
}

// breaks deploys a workload and waits until the kernel has killed it.
func (f *flow) breaks(t *testing.T) {
	f.deploy(t, brokenLimit)
	f.Eventually(t, func(ctx context.Context) error {
		pods, err := f.pods(ctx)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if killed(pod) {
				return nil
			}
		}
		return fmt.Errorf("no container of %s was OOMKilled yet, among %d pods", f.alert.Namespace, len(pods))
	})
}

// blamePod lets the alert be about the broken pod, and tell what the pod does next besides: that must not distract from what the
// alert is called.
func (f *flow) blamePod(t *testing.T) {
	pods, err := f.pods(t.Context())
	if err != nil || len(pods) != 1 {
		t.Fatalf("got %d pods and error %v, want one", len(pods), err)
	}
	f.alert.Pod = pods[0].Name
	f.alert.Summary += " and waits in CrashLoopBackOff"
}

func (f *flow) pods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := f.Kube.CoreV1().Pods(f.alert.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing pods of %q: %w", f.alert.Namespace, err)
	}
	return list.Items, nil
}

func killed(pod corev1.Pod) bool {
	for _, status := range pod.Status.ContainerStatuses {
		for _, state := range []corev1.ContainerState{status.State, status.LastTerminationState} {
			if state.Terminated != nil && state.Terminated.Reason == "OOMKilled" {
				return true
			}
		}
	}
	return false
}

// heals waits until the workload has the raised limit and has run with it for a while.
func (f *flow) heals(t *testing.T) {
	f.wantLimit(t, raisedLimit)
	f.Eventually(t, func(ctx context.Context) error {
		pods, err := f.pods(ctx)
		if err != nil {
			return err
		}
		if len(pods) != 1 || len(pods[0].Status.ContainerStatuses) != 1 {
			return fmt.Errorf("%s has %d pods, want a single one that has started", f.alert.Namespace, len(pods))
		}
		return healthy(pods[0].Status.ContainerStatuses[0])
	})
}

func healthy(status corev1.ContainerStatus) error {
	running := status.State.Running
	if running == nil || status.RestartCount != 0 || time.Since(running.StartedAt.Time) < calm {
		return fmt.Errorf("container %s has restarted %d times and is in state %+v, want %s without a restart", status.Name, status.RestartCount, status.State, calm)
	}
	return nil
}

func (f *flow) wantLimit(t *testing.T, want string) {
	t.Helper()
	deployment, err := f.Kube.AppsV1().Deployments(f.alert.Namespace).Get(t.Context(), workload, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := deployment.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String(); got != want {
		t.Errorf("memory limit of %s/%s: got %s, want %s", f.alert.Namespace, workload, got, want)
	}
}
