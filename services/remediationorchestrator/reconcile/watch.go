package reconcile

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/children"
)

// phaseIndex is the cache's index of requests by phase.
const phaseIndex = "status.overallPhase"

// Permissions are the verbs that the reconciler needs in its namespace. Notifications are made and forgotten: nothing
// depends on their delivery, so they are not watched.
func Permissions(namespace string) []permission.Rule {
	rule := func(group, resource string, verbs ...string) permission.Rule {
		return permission.Rule{Namespace: namespace, Group: group, Resource: resource, Verbs: verbs}
	}
	return []permission.Rule{
		rule(names.APIGroup, "remediationrequests", "get", "list", "watch"),
		rule(names.APIGroup, "remediationrequests/status", "patch"),
		rule(names.APIGroup, "remediationapprovalrequests", "create", "get", "list", "watch"),
		rule(names.APIGroup, "remediationapprovalrequests/status", "patch"),
		rule(names.APIGroup, "signalprocessings", "create", "get", "list", "watch"),
		rule(names.APIGroup, "aianalyses", "create", "get", "list", "watch"),
		rule(names.APIGroup, "workflowexecutions", "create", "get", "list", "watch"),
		rule(names.APIGroup, "notificationrequests", "create", "get"),
		rule("events.k8s.io", "events", "create", "patch"),
	}
}

// Watch makes a manager call the reconciler: for a request that changes, for one whose child changes, and for blocked ones
// when what they wait for changes. Requests are taken one after the other, so that two never pass the same check.
func (r *Reconciler) Watch(ctx context.Context, manager ctrl.Manager) error {
	if err := manager.GetFieldIndexer().IndexField(ctx, &v1alpha1.RemediationRequest{}, phaseIndex, phaseOf); err != nil {
		return fmt.Errorf("indexing requests by phase: %w", err)
	}
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.RemediationRequest{}).
		Owns(&v1alpha1.SignalProcessing{}).
		Owns(&v1alpha1.AIAnalysis{}).
		Owns(&v1alpha1.RemediationApprovalRequest{}).
		Owns(&v1alpha1.WorkflowExecution{}).
		Watches(&v1alpha1.RemediationRequest{}, handler.EnqueueRequestsFromMapFunc(r.sameSignal)).
		Watches(&v1alpha1.WorkflowExecution{}, handler.EnqueueRequestsFromMapFunc(r.sameTarget)).
		Complete(r)
}

// phaseOf returns what phaseIndex holds of a request.
func phaseOf(object client.Object) []string {
	if request, ok := object.(*v1alpha1.RemediationRequest); ok {
		return []string{string(request.Status.OverallPhase)}
	}
	return nil
}

// sameSignal returns the blocked requests of a request's signal.
func (r *Reconciler) sameSignal(ctx context.Context, object client.Object) []ctrl.Request {
	changed, ok := object.(*v1alpha1.RemediationRequest)
	if !ok {
		return nil
	}
	return r.waiting(ctx, object.GetNamespace(), func(request *v1alpha1.RemediationRequest) bool {
		return request.Name != changed.Name && request.Spec.SignalFingerprint == changed.Spec.SignalFingerprint
	})
}

// sameTarget returns the blocked requests about an execution's target.
func (r *Reconciler) sameTarget(ctx context.Context, object client.Object) []ctrl.Request {
	changed, ok := object.(*v1alpha1.WorkflowExecution)
	if !ok {
		return nil
	}
	return r.waiting(ctx, object.GetNamespace(), func(request *v1alpha1.RemediationRequest) bool {
		return children.Target(request.Spec.TargetResource) == changed.Spec.TargetResource
	})
}

// waiting returns the blocked requests that match. An error is logged, not lost: blocked requests look again by themselves.
func (r *Reconciler) waiting(ctx context.Context, namespace string, match func(*v1alpha1.RemediationRequest) bool) []ctrl.Request {
	var list v1alpha1.RemediationRequestList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{phaseIndex: string(v1alpha1.Blocked)}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "blocked requests look again later")
		return nil
	}
	var found []ctrl.Request
	for _, request := range list.Items {
		if match(&request) {
			found = append(found, ctrl.Request{NamespacedName: types.NamespacedName{Namespace: request.Namespace, Name: request.Name}})
		}
	}
	return found
}
