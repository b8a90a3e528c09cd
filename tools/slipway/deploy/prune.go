package deploy

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// prunable returns the kinds whose leftovers could disturb the next run. Definitions and uncopied namespaces stay: deleting
// them takes the test's own objects along and costs seconds, and keeping them disturbs nobody.
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
		{Group: "scheduling.k8s.io", Version: "v1", Kind: "PriorityClass"},
		{Version: "v1", Kind: "ServiceAccount"},
	}
}

// prune deletes what earlier runs applied and no suite of this one has any more, and waits until it is gone. It returns
// how many objects those were; a copied namespace counts as one.
func (c *cluster) prune(ctx context.Context, members []*member, shared []object) (int, error) {
	keep := map[string]bool{}
	for _, m := range members {
		for _, e := range m.config.Expose {
			keep[key(newObject("v1", "Service", m.config.platform(), e.Service+companionSuffix, "", nil))] = true
		}
		for _, o := range m.objects {
			keep[key(o)] = true
		}
	}
	for _, o := range shared {
		keep[key(o)] = true
	}
	leftover, err := c.leftover(ctx, keep)
	if err != nil {
		return 0, err
	}
	return len(leftover), c.removeAll(ctx, leftover)
}

// leftover returns what is not to be kept. What is in a copied namespace goes with it.
func (c *cluster) leftover(ctx context.Context, keep map[string]bool) ([]object, error) {
	copies, err := c.labelled(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, copyLabel)
	if err != nil {
		return nil, err
	}
	var leftover []object
	var going []string
	for _, o := range copies {
		// One that is on its way cannot be deployed to.
		if !keep[key(o)] || o.GetDeletionTimestamp() != nil {
			leftover, going = append(leftover, o), append(going, o.GetName())
		}
	}
	for _, kind := range prunable() {
		found, err := c.labelled(ctx, kind, suiteLabel)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			if !keep[key(o)] && !inNamespaces(o, going) {
				leftover = append(leftover, o)
			}
		}
	}
	return leftover, nil
}

// key identifies an object whatever the version of its kind.
func key(o object) string {
	return o.GroupVersionKind().GroupKind().String() + " " + o.GetNamespace() + "/" + o.GetName()
}

// labelled lists the objects of one kind that carry the label and that no other object owns.
func (c *cluster) labelled(ctx context.Context, kind schema.GroupVersionKind, label string) ([]object, error) {
	mapping, err := c.mapping(kind)
	if err != nil {
		return nil, fmt.Errorf("finding the kind %s: %w", kind.Kind, err)
	}
	list, err := c.dynamic.Resource(mapping.Resource).List(ctx, metav1.ListOptions{LabelSelector: label})
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
