package action

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// restartedAt is the annotation by which kubectl restarts workloads, too.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

const (
	defaultFactor = 2.0
	defaultCap    = "4Gi"
)

func (c Cluster) restart(ctx context.Context, deployment *appsv1.Deployment, now time.Time) (string, error) {
	patch := map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{restartedAt: now.UTC().Format(time.RFC3339)},
	}}}}
	if err := c.patch(ctx, deployment, patch); err != nil {
		return "", err
	}
	return fmt.Sprintf("restarted deployment %s/%s", deployment.Namespace, deployment.Name), nil
}

// memory is how a limit is to change.
type memory struct {
	container  string
	to         *resource.Quantity // nil means by factor
	factor     float64
	upperBound resource.Quantity
}

func readMemory(env Environment) (memory, error) {
	change := memory{container: env("CONTAINER"), factor: defaultFactor, upperBound: resource.MustParse(defaultCap)}
	if text := env("FACTOR"); text != "" {
		factor, err := strconv.ParseFloat(text, 64)
		if err != nil || !(factor > 1 && factor <= 10) { // NaN is neither
			return memory{}, fmt.Errorf("FACTOR must be a number above 1 and up to 10, got %q", text)
		}
		change.factor = factor
	}
	for name, set := range map[string]func(resource.Quantity){
		"MEMORY_CAP":   func(q resource.Quantity) { change.upperBound = q },
		"MEMORY_LIMIT": func(q resource.Quantity) { change.to = &q },
	} {
		if text := env(name); text != "" {
			amount, err := resource.ParseQuantity(text)
			if err != nil || amount.Sign() <= 0 {
				return memory{}, fmt.Errorf("%s must be an amount such as 512Mi, got %q", name, text)
			}
			set(amount)
		}
	}
	return change, nil
}

// after returns the limit after the change, at most the upper bound.
func (m memory) after(limit resource.Quantity) resource.Quantity {
	wanted := *resource.NewQuantity(int64(float64(limit.Value())*m.factor), resource.BinarySI)
	if m.to != nil {
		wanted = *m.to
	}
	if wanted.Cmp(m.upperBound) > 0 {
		return m.upperBound
	}
	return wanted
}

func (c Cluster) increaseMemory(ctx context.Context, deployment *appsv1.Deployment, change memory) (string, error) {
	container, err := find(deployment.Spec.Template.Spec.Containers, change.container)
	if err != nil {
		return "", fmt.Errorf("deployment %s/%s %w", deployment.Namespace, deployment.Name, err)
	}
	limit, limited := container.Resources.Limits[corev1.ResourceMemory]
	if !limited {
		return "", fmt.Errorf("container %s of deployment %s/%s has no memory limit", container.Name, deployment.Namespace, deployment.Name)
	}
	raised := change.after(limit)
	if raised.Cmp(limit) <= 0 {
		return "", fmt.Errorf("container %s of deployment %s/%s has a memory limit of %s, which %s does not raise",
			container.Name, deployment.Namespace, deployment.Name, limit.String(), raised.String())
	}
	patch := map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{
		map[string]any{"name": container.Name, "resources": map[string]any{"limits": map[string]string{"memory": raised.String()}}},
	}}}}}
	if err := c.patch(ctx, deployment, patch); err != nil {
		return "", err
	}
	return fmt.Sprintf("raised the memory limit of container %s of deployment %s/%s from %s to %s",
		container.Name, deployment.Namespace, deployment.Name, limit.String(), raised.String()), nil
}

func find(containers []corev1.Container, name string) (corev1.Container, error) {
	for _, container := range containers {
		if name == "" || container.Name == name {
			return container, nil
		}
	}
	return corev1.Container{}, fmt.Errorf("has no container %q", name)
}

// patch refuses a Deployment that has changed since it was read.
func (c Cluster) patch(ctx context.Context, deployment *appsv1.Deployment, change map[string]any) error {
	change["metadata"] = map[string]any{"resourceVersion": deployment.ResourceVersion}
	data, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("encoding the change of deployment %s/%s: %w", deployment.Namespace, deployment.Name, err)
	}
	_, err = c.Deployments.Deployments(deployment.Namespace).Patch(ctx, deployment.Name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("patching deployment %s/%s: %w", deployment.Namespace, deployment.Name, err)
	}
	return nil
}
