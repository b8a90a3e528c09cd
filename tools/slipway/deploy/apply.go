package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const (
	fieldManager = "slipway"
	atOnce       = 8 // requests; the API server of a kind node shares the node's processors with the workloads
)

// apply applies objects of one class at once and names each one that failed.
func (c *cluster) apply(ctx context.Context, objects []object) error {
	return each(objects, func(o object) error {
		resource, err := c.resource(o)
		if err != nil {
			return err
		}
		live, err := applyOne(ctx, resource, o)
		if err != nil {
			return fmt.Errorf("%s: applying %s: %w", o.where, o.name(), err)
		}
		c.applied.Store(key(o), version{live.GetUID(), live.GetGeneration()})
		return nil
	})
}

// each runs all items, whatever fails.
func each(objects []object, do func(object) error) error {
	var group errgroup.Group
	group.SetLimit(atOnce)
	var mu sync.Mutex
	var errs []error
	for _, o := range objects {
		group.Go(func() error {
			if err := do(o); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(errs...)
}

func applyOne(ctx context.Context, resource dynamic.ResourceInterface, o object) (*unstructured.Unstructured, error) {
	live, err := serverSideApply(ctx, resource, o)
	if isImmutable(err) {
		if err := remove(ctx, resource, o.GetName()); err != nil {
			return nil, fmt.Errorf("replacing it, because a changed field is immutable: %w", err)
		}
		return serverSideApply(ctx, resource, o)
	}
	return live, err
}

func serverSideApply(ctx context.Context, resource dynamic.ResourceInterface, o object) (*unstructured.Unstructured, error) {
	return resource.Apply(ctx, o.GetName(), o.Unstructured, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
}

// isImmutable recognizes a Job's template, a Deployment's selector, a binding's role and their like. The API has no code of
// its own for them: the field error's text is the only sign.
func isImmutable(err error) bool {
	if !apierrors.IsInvalid(err) {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "field is immutable") || strings.Contains(text, "cannot change roleRef") ||
		strings.Contains(text, "updates to statefulset spec for fields other than")
}

// establish applies definitions and waits until their kinds can be used.
func (c *cluster) establish(ctx context.Context, definitions []object, timeout time.Duration) error {
	if len(definitions) == 0 {
		return nil
	}
	if err := c.apply(ctx, definitions); err != nil {
		return err
	}
	if err := c.wait(ctx, definitions, timeout); err != nil {
		return err
	}
	var kinds []schema.GroupKind
	for _, o := range definitions {
		kinds = append(kinds, definedKind(o))
	}
	return c.await(ctx, kinds)
}

// definedKind returns the kind that a definition defines.
func definedKind(o object) schema.GroupKind {
	group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
	return schema.GroupKind{Group: group, Kind: kind}
}
