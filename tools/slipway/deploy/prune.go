package deploy

import (
	"context"
	"fmt"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// prunable returns the kinds whose leftovers could disturb the next suite. Definitions and namespaces stay: deleting them
// takes the test's own objects along and costs seconds, and keeping them disturbs nobody.
func prunable() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"},
		{Group: "apps", Version: "v1", Kind: "Deployment"},
		{Group: "apps", Version: "v1", Kind: "StatefulSet"},
		{Group: "apps", Version: "v1", Kind: "DaemonSet"},
		{Group: "batch", Version: "v1", Kind: "CronJob"},
		{Group: "batch", Version: "v1", Kind: "Job"},
		{Version: "v1", Kind: "Pod"},
		{Version: "v1", Kind: "Service"},
		{Version: "v1", Kind: "ConfigMap"},
		{Version: "v1", Kind: "Secret"},
		{Version: "v1", Kind: "PersistentVolumeClaim"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
		{Version: "v1", Kind: "ServiceAccount"},
	}
}

// prune deletes what an earlier run applied and the wanted objects do not have any more, and waits until it is gone. It
// returns how many those were.
func (c *cluster) prune(ctx context.Context, config Config, wanted []object) (int, error) {
	keep := map[string]bool{}
	for _, e := range config.Expose {
		keep[key(newObject("v1", "Service", config.Namespace, e.Service+companionSuffix, "", nil))] = true
	}
	for _, o := range wanted {
		keep[key(o)] = true
	}
	var leftover []object
	for _, kind := range prunable() {
		found, err := c.applied(ctx, kind)
		if err != nil {
			return 0, err
		}
		for _, o := range found {
			if !keep[key(o)] {
				leftover = append(leftover, o)
			}
		}
	}
	var deleted atomic.Int64
	err := each(leftover, func(o object) error {
		resource, err := c.resource(o)
		if err == nil {
			err = remove(ctx, resource, o.GetName())
		}
		if err != nil {
			return fmt.Errorf("deleting %s of suite %q: %w", o.name(), o.GetLabels()[suiteLabel], err)
		}
		deleted.Add(1)
		return nil
	})
	return int(deleted.Load()), err
}

// key identifies an object whatever the version of its kind.
func key(o object) string {
	return o.GroupVersionKind().GroupKind().String() + " " + o.GetNamespace() + "/" + o.GetName()
}

// applied lists the objects of one kind that carry the label and that no other object owns.
func (c *cluster) applied(ctx context.Context, kind schema.GroupVersionKind) ([]object, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, fmt.Errorf("finding the kind %s: %w", kind.Kind, err)
	}
	list, err := c.dynamic.Resource(mapping.Resource).List(ctx, metav1.ListOptions{LabelSelector: suiteLabel})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", mapping.Resource.Resource, err)
	}
	var found []object
	for i := range list.Items {
		if len(list.Items[i].GetOwnerReferences()) == 0 {
			found = append(found, object{&list.Items[i], "the cluster"})
		}
	}
	return found, nil
}
