package reconcile

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/children"
)

// maxMessage is the schema's limit for a status message, in characters.
const maxMessage = 2048

// failure ends a request as Failed.
type failure struct {
	reason, message string
	// review asks humans to look.
	review bool
	// approval is the one whose decision it is, or nil.
	approval *v1alpha1.RemediationApprovalRequest
}

func (f failure) Error() string { return f.reason + ": " + f.message }

// edit changes a status besides its phase and message.
type edit func(*v1alpha1.RemediationRequestStatus)

// move writes a phase, and tells about it once it is stored. A request that is Blocked for another reason stays in its
// phase. approval is the one that the move asks or follows, or nil; so may change be.
func (r *Reconciler) move(ctx context.Context, request *v1alpha1.RemediationRequest, to v1alpha1.Phase, message string,
	approval *v1alpha1.RemediationApprovalRequest, change edit) error {
	before := request.DeepCopy()
	next := request.DeepCopy()
	next.Status.OverallPhase, next.Status.Message = to, clip(message)
	next.Status.BlockReason, next.Status.BlockMessage, next.Status.BlockedUntil, next.Status.DuplicateOf = "", "", nil, ""
	if change != nil {
		change(&next.Status)
	}
	if err := r.Client.Status().Patch(ctx, next, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing phase %s: %w", to, err)
	}
	ctrl.LoggerFrom(ctx).Info("phase", "from", before.Status.OverallPhase, "to", to, "message", next.Status.Message)
	*request = *next
	r.Journal.Transition(before, request, approval)
	return nil
}

// complete ends a request well. message tells humans of it; nil is none.
func (r *Reconciler) complete(ctx context.Context, request *v1alpha1.RemediationRequest, outcome v1alpha1.Outcome, text string, message *v1alpha1.NotificationRequest) error {
	if message != nil {
		if err := r.create(ctx, request, message); err != nil {
			return err
		}
	}
	return r.move(ctx, request, v1alpha1.Completed, text, nil, func(status *v1alpha1.RemediationRequestStatus) {
		status.CompletedAt, status.Outcome, status.ConsecutiveFailureCount = r.now(), outcome, 0
		notified(status, message)
	})
}

func (r *Reconciler) fail(ctx context.Context, request *v1alpha1.RemediationRequest, failed failure) error {
	phase := request.Status.OverallPhase
	return r.giveUp(ctx, request, v1alpha1.Failed, failed, func(status *v1alpha1.RemediationRequestStatus) {
		status.FailurePhase, status.FailureReason = phase, failed.reason
	})
}

// timeOut asks for a review when a workflow may still be at work.
func (r *Reconciler) timeOut(ctx context.Context, request *v1alpha1.RemediationRequest) error {
	phase := request.Status.OverallPhase
	late := failure{reason: "Timeout", message: fmt.Sprintf("the time for phase %s, or for the whole remediation, is over", phase), review: phase == v1alpha1.Executing}
	return r.giveUp(ctx, request, v1alpha1.TimedOut, late, func(status *v1alpha1.RemediationRequestStatus) { status.TimeoutPhase = phase })
}

func (r *Reconciler) giveUp(ctx context.Context, request *v1alpha1.RemediationRequest, to v1alpha1.Phase, failed failure, change edit) error {
	earlier, err := r.Router.Failures(ctx, request)
	if err != nil {
		return err
	}
	var message *v1alpha1.NotificationRequest
	if failed.review {
		message = children.ManualReview(request, request.Status.OverallPhase, failed.reason, failed.message)
		if err := r.create(ctx, request, message); err != nil {
			return err
		}
	}
	return r.move(ctx, request, to, failed.message, failed.approval, func(status *v1alpha1.RemediationRequestStatus) {
		status.CompletedAt, status.ConsecutiveFailureCount = r.now(), earlier+1
		if failed.review {
			status.RequiresManualReview, status.Outcome = true, v1alpha1.ManualReviewRequired
		}
		notified(status, message)
		change(status)
	})
}

func notified(status *v1alpha1.RemediationRequestStatus, message *v1alpha1.NotificationRequest) {
	if message != nil {
		status.NotificationRequestRefs = append(status.NotificationRequestRefs, *reference(v1alpha1.NotificationRequestKind, message))
	}
}

func reference(kind string, object metav1.Object) *v1alpha1.ObjectReference {
	made := children.Reference(kind, object)
	return &made
}

func timestamp(at time.Time) *metav1.Time {
	stored := metav1.NewTime(at)
	return &stored
}

// clip cuts a message to what the schema admits.
func clip(text string) string {
	if utf8.RuneCountInString(text) <= maxMessage {
		return text
	}
	return string([]rune(text)[:maxMessage-1]) + "…"
}
