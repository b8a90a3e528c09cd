package reconcile

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// create makes a child, or finds the one that an earlier try has made. A child that the schema refuses fails the request:
// trying again would change nothing.
//
// A request that has changed since the cache saw it gets no child but a conflict: somebody may have cancelled it, and a workflow that
// runs cannot be taken back.
func (r *Reconciler) create(ctx context.Context, request *v1alpha1.RemediationRequest, child client.Object) error {
	var latest v1alpha1.RemediationRequest
	if err := r.Direct.Get(ctx, client.ObjectKeyFromObject(request), &latest); err != nil {
		return err
	}
	if latest.ResourceVersion != request.ResourceVersion {
		return apierrors.NewConflict(v1alpha1.GroupVersion().WithResource("remediationrequests").GroupResource(), request.Name, errors.New("it has changed meanwhile"))
	}
	if err := controllerutil.SetControllerReference(request, child, r.Scheme); err != nil {
		return fmt.Errorf("owning %q: %w", child.GetName(), err)
	}
	err := r.Client.Create(ctx, child)
	switch {
	case apierrors.IsInvalid(err):
		return failure{reason: r.kind(child) + "Refused", message: err.Error(), review: true}
	case !apierrors.IsAlreadyExists(err):
		return err
	}
	if err := r.Direct.Get(ctx, client.ObjectKeyFromObject(child), child); err != nil {
		return err
	}
	if !metav1.IsControlledBy(child, request) {
		// Most likely the garbage collector has not yet removed the child of a deleted request of the same name.
		return fmt.Errorf("%s %q belongs to another request", r.kind(child), child.GetName())
	}
	return nil
}

// child reads a child that an earlier step has made. One that is really gone fails the request.
func (r *Reconciler) child(ctx context.Context, request *v1alpha1.RemediationRequest, name string, child client.Object) error {
	key := client.ObjectKey{Namespace: request.Namespace, Name: name}
	err := r.Client.Get(ctx, key, child)
	if apierrors.IsNotFound(err) {
		err = r.Direct.Get(ctx, key, child) // the cache may not hold it yet
	}
	switch {
	case apierrors.IsNotFound(err), err == nil && !metav1.IsControlledBy(child, request):
		return failure{reason: r.kind(child) + "Deleted", message: fmt.Sprintf("%s is gone", name), review: request.Status.OverallPhase == v1alpha1.Executing}
	case err != nil:
		return fmt.Errorf("reading %q: %w", name, err)
	}
	return nil
}

func (r *Reconciler) kind(object client.Object) string {
	kind, err := apiutil.GVKForObject(object, r.Scheme)
	if err != nil {
		return "Object" // the scheme knows every kind that is used here
	}
	return kind.Kind
}
