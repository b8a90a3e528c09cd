package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/kubernaut/kubernaut/services/aianalysis/investigation"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
)

// Conditions of an AIAnalysis.
const (
	// InvestigationComplete is true once holmesgpt-api has answered; false says why it has not.
	InvestigationComplete = "InvestigationComplete"
	// ApprovalDecided is true once the policy has said whether a human must approve; false says why it has not.
	ApprovalDecided = "ApprovalDecided"
)

// work does what the object's phase is for, and sets the next phase. The events are those of its results.
func (r *Reconciler) work(ctx context.Context, object *v1alpha1.AIAnalysis) ([]audit.Event, error) {
	if limit := r.limit(object); !limit.IsZero() && !time.Now().Before(limit) {
		return r.expire(object), nil
	}
	switch object.Status.Phase {
	case v1alpha1.AIAnalysisPending:
		enter(object, v1alpha1.AIAnalysisInvestigating)
		return nil, nil
	case v1alpha1.AIAnalysisInvestigating:
		return r.investigate(ctx, object)
	case v1alpha1.AIAnalysisAnalyzing:
		return r.analyze(ctx, object)
	default:
		enter(object, v1alpha1.AIAnalysisPending)
		object.Status.StartedAt = object.Status.PhaseStartedAt
		object.Status.DegradedMode = degraded(object)
		return nil, nil
	}
}

// degraded says that the signal's surroundings are not known.
func degraded(object *v1alpha1.AIAnalysis) bool {
	found := object.Spec.AnalysisRequest.SignalContext.EnrichmentResults
	return found == nil || found.KubernetesContext == nil || found.KubernetesContext.DegradedMode
}

// enter begins a phase, without a trace of failed tries in the one before.
func enter(object *v1alpha1.AIAnalysis, phase v1alpha1.AIAnalysisPhase) {
	now := metav1.Now()
	status := &object.Status
	status.Phase, status.PhaseStartedAt = phase, &now
	status.ConsecutiveFailures, status.Reason, status.Message = 0, "", ""
}

// limit returns when the object's phase must be over; zero means never, which holds for Pending and before.
func (r *Reconciler) limit(object *v1alpha1.AIAnalysis) time.Time {
	timeout := r.timeout(object)
	if timeout == 0 {
		return time.Time{}
	}
	start := object.Status.PhaseStartedAt
	if start == nil { // somebody else wrote the phase
		start = &object.CreationTimestamp
	}
	return start.Add(timeout)
}

// timeout returns how long the object's phase may take; 0 means forever.
func (r *Reconciler) timeout(object *v1alpha1.AIAnalysis) time.Duration {
	var own *metav1.Duration
	var timeout time.Duration
	config := object.Spec.TimeoutConfig
	if config == nil {
		config = &v1alpha1.AnalysisTimeoutConfig{}
	}
	switch object.Status.Phase {
	case v1alpha1.AIAnalysisInvestigating:
		own, timeout = config.InvestigatingTimeout, r.Limits.Investigating
	case v1alpha1.AIAnalysisAnalyzing:
		own, timeout = config.AnalyzingTimeout, r.Limits.Analyzing
	}
	if own != nil && own.Duration > 0 && timeout > 0 {
		return own.Duration
	}
	return timeout
}

func (r *Reconciler) investigate(ctx context.Context, object *v1alpha1.AIAnalysis) ([]audit.Event, error) {
	calling, cancel := graceful(ctx, r.limit(object))
	defer cancel()
	start := time.Now()
	response, err := r.Investigator.Investigate(calling, object)
	took := time.Since(start)
	r.Metrics.called(err)
	if err != nil {
		return nil, &tryError{err: err, took: took}
	}
	found := []audit.Event{called(object, response, nil, took)}
	take(object, response)
	meta.SetStatusCondition(&object.Status.Conditions, metav1.Condition{
		Type: InvestigationComplete, Status: metav1.ConditionTrue, Reason: "Answered", ObservedGeneration: object.Generation,
	})
	r.judge(object, response)
	return append(found, ended(object)...), nil
}

// graceful returns a context that outlives ctx by callGrace, but not the limit.
func graceful(ctx context.Context, limit time.Time) (context.Context, context.CancelFunc) {
	calling, cancel := context.WithDeadline(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(callGrace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-calling.Done():
		}
	})
	return calling, func() { stop(); cancel() }
}

// tryError is a failed try of a phase.
type tryError struct {
	err  error
	took time.Duration
}

func (e *tryError) Error() string { return e.err.Error() }
func (e *tryError) Unwrap() error { return e.err }

// lasted returns how long a failed try took.
func lasted(cause error) time.Duration {
	var failed *tryError
	if errors.As(cause, &failed) {
		return failed.took
	}
	return 0
}

func (r *Reconciler) analyze(ctx context.Context, object *v1alpha1.AIAnalysis) ([]audit.Event, error) {
	start := time.Now()
	decision, err := r.Approver.Decide(ctx, object)
	if err != nil {
		return nil, &tryError{err: err, took: time.Since(start)}
	}
	evaluation := evaluated(object, decision, nil, time.Since(start))
	settleApproval(object, decision)
	finish(object, v1alpha1.AIAnalysisCompleted, reasonCompleted, "", "workflow "+object.Status.SelectedWorkflow.WorkflowID+" was selected: "+decision.Reason)
	found := []audit.Event{evaluation, decided(object, decision)}
	return append(found, ended(object)...), nil
}

// fail counts a failed try. After a refusal there is no other one, else the next follows after a pause, which ends with the
// phase's time.
func (r *Reconciler) fail(ctx context.Context, object *v1alpha1.AIAnalysis, cause error) (ctrl.Result, error) {
	next := object.DeepCopy()
	limit, pause := r.limit(object), r.pauseAfter(object.Status.ConsecutiveFailures+1)
	if !limit.IsZero() {
		pause = max(time.Millisecond, min(pause, time.Until(limit)))
	}
	found := []audit.Event{tried(object, cause)}
	next.Status.ConsecutiveFailures++
	next.Status.Reason, next.Status.Message = reasonRetrying, shorten(cause.Error())
	meta.SetStatusCondition(&next.Status.Conditions, unanswered(next, cause))
	if subReason, permanent := permanence(cause); permanent {
		pause = 0
		finish(next, v1alpha1.AIAnalysisFailed, reasonAPIError, subReason, cause.Error())
		found = append(append(found, failure(next, object.Status.Phase)), ended(next)...)
	}
	if err := r.store(ctx, object, next, lasted(cause), found); err != nil {
		return r.settle(ctx, object, err)
	}
	ctrl.LoggerFrom(ctx).Error(cause, "try failed", "phase", object.Status.Phase, "failures", next.Status.ConsecutiveFailures, "next", next.Status.Phase)
	return ctrl.Result{RequeueAfter: pause}, nil
}

// permanence says whether no further try can help, and the cause of the end then.
func permanence(cause error) (v1alpha1.AnalysisSubReason, bool) {
	switch {
	case errors.Is(cause, investigation.ErrRefused):
		return v1alpha1.SubReasonPermanentError, true
	case errors.Is(cause, investigation.ErrInvalid):
		return v1alpha1.SubReasonValidationError, true
	}
	return "", false
}

func unanswered(object *v1alpha1.AIAnalysis, cause error) metav1.Condition {
	kind := InvestigationComplete
	if object.Status.Phase == v1alpha1.AIAnalysisAnalyzing {
		kind = ApprovalDecided
	}
	return metav1.Condition{
		Type: kind, Status: metav1.ConditionFalse, Reason: "TryFailed", Message: shorten(cause.Error()), ObservedGeneration: object.Generation,
	}
}

// expire ends an analysis whose phase has taken too long.
func (r *Reconciler) expire(object *v1alpha1.AIAnalysis) []audit.Event {
	phase := object.Status.Phase
	message := fmt.Sprintf("the phase %s took longer than %s", phase, r.timeout(object))
	if last := object.Status.Message; last != "" {
		message += "; the last error: " + last
	}
	finish(object, v1alpha1.AIAnalysisFailed, reasonTimeout, v1alpha1.SubReasonTransientError, message)
	return append([]audit.Event{failure(object, phase)}, ended(object)...)
}

func (r *Reconciler) pauseAfter(failures int32) time.Duration {
	pause := min(r.Limits.RetryBase, r.Limits.RetryMax)
	for range failures - 1 {
		if pause = min(2*pause, r.Limits.RetryMax); pause == r.Limits.RetryMax {
			break
		}
	}
	return pause
}
