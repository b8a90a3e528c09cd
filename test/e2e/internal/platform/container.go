package platform

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Image returns the reference that a component's first container runs.
func (p *Platform) Image(ctx context.Context, component string) (string, error) {
	deployment, err := p.Kube.AppsV1().Deployments(p.Namespace).Get(ctx, component, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading deployment %q: %w", component, err)
	}
	return deployment.Spec.Template.Spec.Containers[0].Image, nil
}

// AddContainer puts a container behind the one of a component's Deployment, in place of one with the same name, waits until its
// pods have it, and returns what takes it away again. The component's own container, which has its name, stays as it is.
func (p *Platform) AddContainer(ctx context.Context, component string, container corev1.Container) (restore func(context.Context) error, err error) {
	add := map[string]any{
		"containers": []any{container},
		// Without it the new container is the first, which SetFlags and Logs take for the component's own.
		"$setElementOrder/containers": []any{map[string]string{"name": component}, map[string]string{"name": container.Name}},
	}
	remove := map[string]any{"containers": []any{map[string]string{"name": container.Name, "$patch": "delete"}}}
	return func(ctx context.Context) error { return p.patchPods(ctx, component, remove) }, p.patchPods(ctx, component, add)
}

// patchPods merges fields into the pod specification of a component's Deployment and waits until its pods have them.
func (p *Platform) patchPods(ctx context.Context, component string, spec map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": spec}}})
	if err != nil {
		return err
	}
	_, err = p.Kube.AppsV1().Deployments(p.Namespace).Patch(ctx, component, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("patching the containers of deployment %q: %w", component, err)
	}
	return p.Settled(ctx, component)
}
