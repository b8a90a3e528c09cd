package reconcile

import (
	"cmp"
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
)

// Conditions of a SignalProcessing.
const (
	// EnrichmentComplete is false when the target or some of its surroundings could not be read.
	EnrichmentComplete = "EnrichmentComplete"
	// SourcesAvailable is false when the signal asks for a source that does not exist.
	SourcesAvailable = "SourcesAvailable"
)

// work does what the object's phase is for, and sets the next phase. The events are those of its results.
func (r *Reconciler) work(ctx context.Context, object *v1alpha1.SignalProcessing) ([]audit.Event, error) {
	switch object.Status.Phase {
	case v1alpha1.SignalProcessingPending:
		object.Status.Phase = v1alpha1.SignalProcessingEnriching
		return nil, nil
	case v1alpha1.SignalProcessingEnriching:
		return r.enrich(ctx, object)
	case v1alpha1.SignalProcessingClassifying:
		return r.classify(ctx, object)
	case v1alpha1.SignalProcessingCategorizing:
		return r.categorize(ctx, object)
	default:
		now := metav1.Now()
		object.Status.Phase, object.Status.StartTime = v1alpha1.SignalProcessingPending, &now
		return nil, nil
	}
}

func (r *Reconciler) enrich(ctx context.Context, object *v1alpha1.SignalProcessing) ([]audit.Event, error) {
	result := r.Enricher.Enrich(ctx, object.Spec)
	object.Status.KubernetesContext = result.Context
	labels, err := r.Classifier.CustomLabels(ctx, object.Spec, object.Status)
	if err != nil {
		return nil, err
	}
	object.Status.KubernetesContext.CustomLabels = labels
	meta.SetStatusCondition(&object.Status.Conditions, completeness(object, result.Absent, result.Err))
	if config := object.Spec.EnrichmentConfig; config.EnableMetrics || config.EnableHistorical {
		meta.SetStatusCondition(&object.Status.Conditions, metav1.Condition{
			Type: SourcesAvailable, Status: metav1.ConditionFalse, Reason: "NoSuchSource",
			Message: "there is no source of metrics or of history; the cluster's state is the only one", ObservedGeneration: object.Generation,
		})
	}
	object.Status.Phase = v1alpha1.SignalProcessingClassifying
	events := []audit.Event{enriched(object, cmp.Or(result.Err, result.Absent))}
	if result.Err != nil {
		events = append(events, failure(object, v1alpha1.SignalProcessingEnriching, result.Err))
	}
	return events, nil
}

func completeness(object *v1alpha1.SignalProcessing, absent, err error) metav1.Condition {
	condition := metav1.Condition{Type: EnrichmentComplete, Status: metav1.ConditionFalse, ObservedGeneration: object.Generation}
	switch {
	case err != nil:
		condition.Reason, condition.Message = "Unreadable", shorten(err.Error())
	case absent != nil:
		condition.Reason, condition.Message = "TargetAbsent", shorten(absent.Error())
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, "Read"
	}
	return condition
}

// shorten keeps a message within a condition's 32 768 characters.
func shorten(message string) string { return message[:min(len(message), 4096)] }

func (r *Reconciler) classify(ctx context.Context, object *v1alpha1.SignalProcessing) ([]audit.Event, error) {
	verdict, err := r.Classifier.Classify(ctx, object.Spec, object.Status)
	if err != nil {
		return nil, err
	}
	status := &object.Status
	verdict.Environment.ClassifiedAt, verdict.Priority.AssignedAt = metav1.Now(), metav1.Now()
	status.EnvironmentClassification, status.PriorityAssignment = &verdict.Environment, &verdict.Priority
	status.Severity, status.PolicyHash = verdict.Severity, verdict.PolicyHash
	markProduction(status)
	status.Phase = v1alpha1.SignalProcessingCategorizing
	return []audit.Event{classified(object)}, nil
}

// markProduction completes the detected labels: whether this is production follows from the environment alone.
func markProduction(status *v1alpha1.SignalProcessingStatus) {
	found := status.KubernetesContext
	if found == nil || status.EnvironmentClassification.Environment != "production" {
		return
	}
	if found.DetectedLabels == nil {
		found.DetectedLabels = &v1alpha1.DetectedLabels{}
	}
	found.DetectedLabels.IsProduction = true
}

func (r *Reconciler) categorize(ctx context.Context, object *v1alpha1.SignalProcessing) ([]audit.Event, error) {
	business, hash, err := r.Classifier.Business(ctx, object.Spec, object.Status)
	if err != nil {
		return nil, err
	}
	now := metav1.Now()
	object.Status.BusinessClassification = &business
	object.Status.Phase, object.Status.CompletionTime = v1alpha1.SignalProcessingCompleted, &now
	return []audit.Event{categorized(object, hash), processed(object)}, nil
}
