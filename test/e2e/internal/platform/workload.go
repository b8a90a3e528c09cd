package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// nameLabel is on every pod of the platform and holds its component's name.
const nameLabel = "app.kubernetes.io/name"

// Pods returns a component's pods, those that are being deleted included.
func (p *Platform) Pods(ctx context.Context, component string) ([]corev1.Pod, error) {
	pods, err := p.Kube.CoreV1().Pods(p.Namespace).List(ctx, metav1.ListOptions{LabelSelector: nameLabel + "=" + component})
	if err != nil {
		return nil, fmt.Errorf("listing pods of %q: %w", component, err)
	}
	return pods.Items, nil
}

// Scale sets a Deployment's replicas, waits until exactly that many pods exist and are ready, and returns the number
// before.
func (p *Platform) Scale(ctx context.Context, component string, replicas int32) (int32, error) {
	deployments := p.Kube.AppsV1().Deployments(p.Namespace)
	scale, err := deployments.GetScale(ctx, component, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("reading the scale of deployment %q: %w", component, err)
	}
	before := scale.Spec.Replicas
	scale.ResourceVersion, scale.Spec.Replicas = "", replicas
	if _, err := deployments.UpdateScale(ctx, component, scale, metav1.UpdateOptions{}); err != nil {
		return before, fmt.Errorf("scaling deployment %q to %d: %w", component, replicas, err)
	}
	return before, p.Settled(ctx, component)
}

// SetFlags replaces the arguments of a Deployment's container, waits until its pods have them, and returns what gives them
// the old arguments again.
func (p *Platform) SetFlags(ctx context.Context, component string, flags ...string) (restore func(context.Context) error, err error) {
	deployments := p.Kube.AppsV1().Deployments(p.Namespace)
	deployment, err := deployments.Get(ctx, component, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading deployment %q: %w", component, err)
	}
	before := deployment.Spec.Template.Spec.Containers[0].Args
	set := func(ctx context.Context, flags []string) error {
		patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/spec/template/spec/containers/0/args", "value": flags}})
		if err != nil {
			return err
		}
		if _, err := deployments.Patch(ctx, component, types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("setting flags of deployment %q: %w", component, err)
		}
		return p.Settled(ctx, component)
	}
	return func(ctx context.Context) error { return set(ctx, before) }, set(ctx, flags)
}

// Settled waits until a component has exactly the pods that its Deployment asks for, all of them ready.
func (p *Platform) Settled(ctx context.Context, component string) error {
	return Eventually(ctx, func(ctx context.Context) error {
		deployment, err := p.Kube.AppsV1().Deployments(p.Namespace).Get(ctx, component, metav1.GetOptions{})
		if err != nil {
			return err
		}
		pods, err := p.Pods(ctx, component)
		if err != nil {
			return err
		}
		return settled(deployment, pods)
	})
}

// settled looks at the pods themselves: right after a deletion the Deployment's status still counts the pod that ends.
func settled(deployment *appsv1.Deployment, pods []corev1.Pod) error {
	ready := int32(0)
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil && isReady(pod) {
			ready++
		}
	}
	want, status := *deployment.Spec.Replicas, deployment.Status
	if status.ObservedGeneration < deployment.Generation || ready != want || status.UpdatedReplicas != want || int(want) != len(pods) {
		return fmt.Errorf("deployment %q wants %d replicas, has %d pods, %d ready and %d updated",
			deployment.Name, want, len(pods), ready, status.UpdatedReplicas)
	}
	return nil
}

func isReady(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Steady waits until a component has settled and the way to it is steady: service answers path with 200 several times in a
// row, each over a connection of its own.
func (p *Platform) Steady(ctx context.Context, component string, service *wire.Client, path string) error {
	if err := p.Settled(ctx, component); err != nil {
		return err
	}
	return Eventually(ctx, func(ctx context.Context) error {
		for range 5 {
			if _, err := service.Want(ctx, http.StatusOK, wire.Request{Path: path}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Restart deletes a component's pods and waits until others have taken their place.
func (p *Platform) Restart(ctx context.Context, component string) error {
	pods, err := p.Pods(ctx, component)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if err := p.DeletePod(ctx, pod.Name); err != nil {
			return err
		}
	}
	return p.Settled(ctx, component)
}

// DeletePod asks for a pod's end, with its own grace period, and does not wait for it.
func (p *Platform) DeletePod(ctx context.Context, name string) error {
	err := p.Kube.CoreV1().Pods(p.Namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting pod %q: %w", name, err)
	}
	return nil
}

// GetFromPod sends a GET to a pod's port by way of the API server: no Service stands between, so that a pod can be asked
// that no longer gets traffic. A failure of the way has a Kubernetes Status as its body: 404 when the pod is gone, 503 when
// its port is closed.
func (p *Platform) GetFromPod(ctx context.Context, pod string, port int, path string) (wire.Response, error) {
	// client-go's own proxy calls drop status and body of an answer in a media type that they do not know.
	return p.api.Do(ctx, wire.Request{Path: fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy%s", p.Namespace, pod, port, path)})
}

// Logs returns what the first containers of a component's pods have logged since they started.
func (p *Platform) Logs(ctx context.Context, component string) (string, error) {
	pods, err := p.Pods(ctx, component)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, pod := range pods {
		options := &corev1.PodLogOptions{Container: pod.Spec.Containers[0].Name}
		logs, err := p.Kube.CoreV1().Pods(p.Namespace).GetLogs(pod.Name, options).DoRaw(ctx)
		if err != nil {
			return "", fmt.Errorf("reading the log of pod %q: %w", pod.Name, err)
		}
		all.Write(logs)
	}
	return all.String(), nil
}
