package reconcile

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
)

// workers is how many executions move at once; each step is a few calls of the API server.
const workers = 4

// IndexTarget lets a cache list executions by their target.
func IndexTarget(ctx context.Context, indexer client.FieldIndexer) error {
	return indexer.IndexField(ctx, &v1alpha1.WorkflowExecution{}, v1alpha1.TargetResourceField, Target)
}

// Target is the index of IndexTarget.
func Target(object client.Object) []string {
	return []string{object.(*v1alpha1.WorkflowExecution).Spec.TargetResource}
}

// Watch has the manager call r: for executions, for what happens to their Jobs and pods, and for those that wait for a
// target when something changes there. namespace is that of the executions.
func (r *Reconciler) Watch(manager ctrl.Manager, namespace string) error {
	return ctrl.NewControllerManagedBy(manager).
		Named(names.WorkflowExecution).
		For(&v1alpha1.WorkflowExecution{}).
		Watches(&v1alpha1.WorkflowExecution{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []ctrl.Request {
			return r.waiting(ctx, namespace, object.(*v1alpha1.WorkflowExecution).Spec.TargetResource)
		})).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []ctrl.Request {
			return append(owner(namespace, object), r.waiting(ctx, namespace, object.GetAnnotations()[job.TargetAnnotation])...)
		})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, object client.Object) []ctrl.Request {
			return owner(namespace, object)
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// owner returns the execution that a Job or pod was made for.
func owner(namespace string, object client.Object) []ctrl.Request {
	name := object.GetAnnotations()[job.ExecutionAnnotation]
	if name == "" {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: namespace, Name: name}}}
}

// waiting returns the executions that are Pending on a target. A cache that cannot answer costs nothing but time: those who
// wait look again by themselves.
func (r *Reconciler) waiting(ctx context.Context, namespace, target string) []ctrl.Request {
	var list v1alpha1.WorkflowExecutionList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{v1alpha1.TargetResourceField: target}); err != nil {
		return nil
	}
	var requests []ctrl.Request
	for _, execution := range list.Items {
		if execution.Status.Phase == v1alpha1.WorkflowExecutionPending {
			requests = append(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&execution)})
		}
	}
	return requests
}
