package reconcile

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/children"
)

// ask lets a human decide whether the selected workflow may run.
func (r *Reconciler) ask(ctx context.Context, request *v1alpha1.RemediationRequest, analysis *v1alpha1.AIAnalysis) error {
	requiredBy := earliest(r.Now().Add(r.Limits.Approval), r.Limits.overall(request))
	approval := children.ApprovalRequest(request, analysis, requiredBy)
	if err := r.create(ctx, request, approval); err != nil {
		return err
	}
	message := children.ApprovalNotification(request, analysis, approval)
	if err := r.create(ctx, request, message); err != nil {
		return err
	}
	text := fmt.Sprintf("%s waits for a decision until %s", approval.Name, approval.Spec.RequiredBy.UTC().Format(time.RFC3339))
	return r.move(ctx, request, v1alpha1.AwaitingApproval, text, approval, func(status *v1alpha1.RemediationRequestStatus) {
		status.NotificationRequestRefs = append(status.NotificationRequestRefs, *reference(v1alpha1.NotificationRequestKind, message))
	})
}

// await waits for the decision. A decision counts even when the time is over, as long as it was there first.
func (r *Reconciler) await(ctx context.Context, request *v1alpha1.RemediationRequest) (time.Time, error) {
	var approval v1alpha1.RemediationApprovalRequest
	if err := r.child(ctx, request, names.ApprovalRequestName(request.Name), &approval); err != nil {
		return time.Time{}, err
	}
	switch approval.Status.Decision {
	case v1alpha1.Approved:
		analysis, err := r.analysis(ctx, request)
		if err != nil {
			return time.Time{}, err
		}
		return r.run(ctx, request, analysis, &approval)
	case v1alpha1.Rejected:
		return time.Time{}, failure{reason: "ApprovalRejected", message: rejection(approval.Status), approval: &approval}
	case v1alpha1.Expired:
		return time.Time{}, failure{reason: "ApprovalExpired", message: "nobody decided in time", approval: &approval}
	}
	end := earliest(approval.Spec.RequiredBy.Time, r.Limits.overall(request))
	if end.After(r.Now()) {
		return end, nil
	}
	if err := r.expire(ctx, &approval); err != nil {
		return time.Time{}, err
	}
	return time.Time{}, failure{reason: "ApprovalExpired", message: "nobody decided in time", approval: &approval}
}

// expire loses against a human's decision of the same moment: the write conflicts, and the next look finds the decision.
func (r *Reconciler) expire(ctx context.Context, approval *v1alpha1.RemediationApprovalRequest) error {
	before := approval.DeepCopy()
	approval.Status.Decision, approval.Status.Expired = v1alpha1.Expired, true
	return r.Client.Status().Patch(ctx, approval, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func rejection(status v1alpha1.RemediationApprovalRequestStatus) string {
	text := "a human rejected the workflow"
	if status.DecidedBy != "" {
		text = status.DecidedBy + " rejected the workflow"
	}
	if status.DecisionMessage != "" {
		text += ": " + status.DecisionMessage
	}
	return text
}
