package deploy

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checkConfigs reports every ConfigMap and Secret that a workload needs and that neither the suite nor the cluster has. The
// kubelet would wait for it for ever, without a sign in the pod's status when it is mounted. What is marked optional may be
// absent.
func (c *cluster) checkConfigs(ctx context.Context, objects []object) error {
	has := map[string]bool{}
	for _, o := range objects {
		has[configKey(mention{o.GetKind(), o.GetName()}, o.GetNamespace())] = true
	}
	var errs []error
	for _, o := range workloads(objects) {
		for _, m := range required(podSpec(o)) {
			key := configKey(m, o.GetNamespace())
			if has[key] {
				continue
			}
			found, err := c.hasConfig(ctx, m, o)
			if err != nil {
				return err
			}
			if !found {
				errs = append(errs, fmt.Errorf("%s: %s reads the %s %q, which neither the manifests nor namespace %q have; add it, or mark it as optional",
					o.where, o.name(), m.Kind, m.Name, o.GetNamespace()))
			}
			has[key] = found
		}
	}
	return errors.Join(errs...)
}

func (c *cluster) hasConfig(ctx context.Context, m mention, reader object) (bool, error) {
	resource, err := c.resource(newObject("v1", m.Kind, reader.GetNamespace(), m.Name, reader.where, nil))
	if err != nil {
		return false, err
	}
	_, err = resource.Get(ctx, m.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: looking for the %s that %s reads: %w", reader.where, m.Kind, reader.name(), err)
	}
	return true, nil
}
