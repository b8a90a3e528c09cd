package deploy

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

const (
	// removalTimeout bounds the deletion of a namespace: its pods have 30 s to end, by Kubernetes' default.
	removalTimeout = 90 * time.Second
	// finalizerInterval is between two looks for finalizers, which ask for every custom kind.
	finalizerInterval = 5 * time.Second
)

// removeAll deletes the objects, webhooks before all others, and waits until they are gone.
func (c *cluster) removeAll(ctx context.Context, objects []object) error {
	webhooks, rest := split(objects, admission)
	if err := each(webhooks, func(o object) error { return c.removeOne(ctx, o) }); err != nil {
		return err
	}
	return each(rest, func(o object) error { return c.removeOne(ctx, o) })
}

func (c *cluster) removeOne(ctx context.Context, o object) error {
	resource, err := c.resource(o)
	if err == nil && o.class() == namespace {
		err = c.removeNamespace(ctx, resource, o.GetName())
	} else if err == nil {
		err = remove(ctx, resource, o.GetName())
	}
	if err != nil {
		return fmt.Errorf("deleting %s of suite %q: %w", o.name(), o.GetLabels()[suiteLabel], err)
	}
	return nil
}

// beginRemoval does not wait.
func (c *cluster) beginRemoval(ctx context.Context, o object) error {
	resource, err := c.resource(o)
	if err == nil {
		err = beginRemove(ctx, resource, o.GetName())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.name(), err)
	}
	return nil
}

// removeNamespace takes the finalizers away from custom resources as soon as no pod is left that could: the controllers are
// deleted together with them.
func (c *cluster) removeNamespace(ctx context.Context, namespaces dynamic.ResourceInterface, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, removalTimeout, fmt.Errorf("it is still there after %s", removalTimeout))
	defer cancel()
	if err := beginRemove(ctx, namespaces, name); err != nil {
		return err
	}
	var looked time.Time
	err := wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		if gone, err := isGone(ctx, namespaces, name); gone || err != nil || time.Since(looked) < finalizerInterval {
			return gone, err
		}
		pods, err := c.typed.CoreV1().Pods(name).List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil || len(pods.Items) > 0 {
			return false, err
		}
		looked = time.Now()
		return false, c.dropFinalizers(ctx, name)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *cluster) dropFinalizers(ctx context.Context, namespace string) error {
	definitions, err := c.labelled(ctx, schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, suiteLabel)
	if err != nil {
		return err
	}
	for _, d := range definitions {
		mapping, err := c.mapper.RESTMapping(definedKind(d))
		if err != nil {
			return err
		}
		resource := c.dynamic.Resource(mapping.Resource).Namespace(namespace)
		list, err := resource.List(ctx, metav1.ListOptions{})
		if err != nil && !apierrors.IsNotFound(err) { // cluster-scoped kinds
			return fmt.Errorf("listing %s: %w", mapping.Resource.Resource, err)
		}
		if err != nil {
			continue
		}
		for i := range list.Items {
			if err := dropFinalizersOf(ctx, resource, &list.Items[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func dropFinalizersOf(ctx context.Context, resource dynamic.ResourceInterface, o *unstructured.Unstructured) error {
	if len(o.GetFinalizers()) == 0 {
		return nil
	}
	_, err := resource.Patch(ctx, o.GetName(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("taking the finalizers of %s away: %w", o.GetName(), err)
	}
	return nil
}

// remove deletes the object with all that it owns and waits until it is gone.
func remove(ctx context.Context, resource dynamic.ResourceInterface, name string) error {
	if err := beginRemove(ctx, resource, name); err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		return isGone(ctx, resource, name)
	})
}

func isGone(ctx context.Context, resource dynamic.ResourceInterface, name string) (bool, error) {
	_, err := resource.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	return false, err
}

func beginRemove(ctx context.Context, resource dynamic.ResourceInterface, name string) error {
	policy := metav1.DeletePropagationForeground
	err := resource.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &policy})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) { // a namespace on its way is a conflict
		return fmt.Errorf("deleting it: %w", err)
	}
	return nil
}
