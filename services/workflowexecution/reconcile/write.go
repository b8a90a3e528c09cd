package reconcile

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// Conditions of a WorkflowExecution.
const (
	// Blocked is true while a Pending execution may not run; its reason is one of package lock.
	Blocked = "Blocked"
	// Stuck is true while the Job cannot start; its reason is the FailureReason that it would end with.
	Stuck = "Stuck"
	// Started is true once the workflow's container has run.
	Started = "Started"
)

// news is what is told of one status write.
type news struct {
	kind                 string // of the Kubernetes event; empty means Normal
	reason, action, note string
	audit                []names.EventType
}

func (r *Reconciler) condition(execution *v1alpha1.WorkflowExecution, kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&execution.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: execution.Generation,
		LastTransitionTime: metav1.NewTime(r.Now()),
	})
}

// write stores the status if it differs, and only then tells the news. A final status is written once.
func (r *Reconciler) write(ctx context.Context, before, execution *v1alpha1.WorkflowExecution, told ...news) error {
	if equality.Semantic.DeepEqual(before.Status, execution.Status) {
		return nil
	}
	if err := r.Client.Status().Patch(ctx, execution, optimistic(before)); err != nil {
		return fmt.Errorf("writing the status of execution %s: %w", execution.Name, err)
	}
	for _, item := range told {
		kind := item.kind
		if kind == "" {
			kind = corev1.EventTypeNormal
		}
		r.Events.Eventf(execution, nil, kind, item.reason, item.action, "%s", item.note)
		for _, event := range item.audit {
			r.Trail.Record(record(execution, event))
		}
	}
	if execution.Status.Phase.Terminal() {
		r.Metrics.ended(execution)
	}
	return nil
}

// record returns the audit event of a transition, whose id is the same at each repetition. What a workflow has printed stays
// out of it.
func record(execution *v1alpha1.WorkflowExecution, kind names.EventType) audit.Event {
	outcome := names.OutcomePending
	switch kind {
	case names.EventSelectionCompleted, names.EventExecutionWorkflowDone:
		outcome = names.OutcomeSuccess
	case names.EventExecutionWorkflowFailed:
		outcome = names.OutcomeFailure
	}
	event := audit.NewEvent(kind, names.CategoryWorkflowExecution, action(kind), outcome, execution.Spec.RemediationRequestRef.Name, data(execution))
	event.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(string(execution.UID)+"/"+string(kind))).String()
	event.ActorType, event.ActorID = "service", names.WorkflowExecution
	event.ResourceType, event.ResourceID = v1alpha1.WorkflowExecutionKind, execution.Name
	event.Namespace = execution.Namespace
	if start, end := execution.Status.StartTime, execution.Status.CompletionTime; start != nil && end != nil {
		milliseconds := end.Sub(start.Time).Milliseconds()
		event.DurationMS = &milliseconds
	}
	return event
}

func action(kind names.EventType) string {
	switch kind {
	case names.EventSelectionCompleted:
		return "select"
	case names.EventExecutionStarted:
		return "create_job"
	case names.EventExecutionWorkflowStarted:
		return "start"
	case names.EventExecutionWorkflowDone:
		return "complete"
	}
	return "fail"
}

func data(execution *v1alpha1.WorkflowExecution) map[string]any {
	workflow, status := execution.Spec.WorkflowRef, execution.Status
	fields := map[string]any{
		"workflow_execution": execution.Name,
		"workflow_id":        workflow.WorkflowID,
		"workflow_version":   workflow.Version,
		"container_image":    workflow.ContainerImage,
		"container_digest":   workflow.ContainerDigest,
		"target_resource":    execution.Spec.TargetResource,
		"phase":              status.Phase,
	}
	if status.ExecutionRef != nil {
		fields["job"] = status.ExecutionRef.Name
	}
	if details := status.FailureDetails; details != nil {
		fields["failure_reason"], fields["was_execution_failure"] = details.Reason, details.WasExecutionFailure
		fields["consecutive_failures"] = status.ConsecutiveFailures
		if details.ExitCode != nil {
			fields["exit_code"] = *details.ExitCode
		}
	}
	return fields
}
