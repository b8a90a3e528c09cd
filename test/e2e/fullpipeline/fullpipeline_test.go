// Package fullpipeline_test says what the ten services promise together: an alert about a broken workload goes in, and the
// workload is mended, or humans are asked first. Nothing is played here but the monitoring system and the humans.
//
// How the cluster is reached and changed is in test/e2e/internal and in suite_test.go. The flows run at the same time, each
// about a workload in a namespace of its own.
package fullpipeline_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

func TestFullPipeline(t *testing.T) {
	s := connect(t)
	step(t, "FP1_two_workflows_are_in_the_catalogue", s.seed)
	t.Run("flows", func(t *testing.T) {
		t.Run("staging_is_remediated_at_once", s.remediated)
		t.Run("production_is_remediated_after_an_approval", s.approved)
		t.Run("production_is_left_alone_after_a_rejection", s.rejected)
		t.Run("a_problem_that_has_gone_needs_no_action", s.resolved)
	})
	t.Run("FP7_nothing_is_added_to_a_trail_later", s.trailsStay)
	t.Run("FP8_no_event_falls_out_of_its_flow", s.noStrayEvents)
}

func (s *suite) remediated(t *testing.T) {
	t.Parallel()
	f := s.flow("staging", "staging")
	step(t, "FP2_broken_pod", f.breaks)
	step(t, "FP2_alert_is_taken", f.alerts)
	step(t, "FP6_request_is_remediated", f.isRemediated)
	t.Run("FP3_objects_appear_in_order", func(t *testing.T) {
		f.wantOrder(t, []api.Phase{api.Processing, api.Analyzing, api.Executing, api.Completed})
	})
	t.Run("FP4_job_has_succeeded", f.jobSucceeded)
	t.Run("FP4_workload_is_well", f.heals)
	t.Run("FP5_message_is_delivered", func(t *testing.T) { f.wantDelivered(t, api.CompletionNotificationName(f.name)) })
	t.Run("FP7_trail", func(t *testing.T) { f.wantTrail(t, executed(4, 1)) })
	t.Run("FP9_request_can_be_rebuilt", f.rebuild)
}

func (s *suite) approved(t *testing.T) {
	t.Parallel()
	f := s.flow("production", "production")
	step(t, "FP2_broken_pod", f.breaks)
	step(t, "FP2_alert_is_taken", f.alerts)
	step(t, "FP10_waits_for_an_approval", f.waitsForApproval)
	step(t, "FP11_second_alert_is_a_duplicate", f.duplicate)
	user := "alice-" + s.Run
	step(t, "FP10_approval", func(t *testing.T) { f.decide(t, user, api.Approved) })
	step(t, "FP6_request_is_remediated", f.isRemediated)
	t.Run("FP3_objects_appear_in_order", func(t *testing.T) {
		f.wantOrder(t, []api.Phase{api.Processing, api.Analyzing, api.AwaitingApproval, api.Executing, api.Completed})
	})
	t.Run("FP4_workload_is_well", f.heals)
	t.Run("FP5_messages_are_delivered", func(t *testing.T) {
		f.wantDelivered(t, api.ApprovalNotificationName(f.name))
		f.wantDelivered(t, api.CompletionNotificationName(f.name))
	})
	trail := executed(5, 2).with(
		exactly(1, api.EventApprovalRequested, api.EventApprovalApproved, api.EventWebhookApprovalDecided, api.EventSignalDeduplicated),
		exactly(2, api.EventSignalReceived))
	t.Run("FP7_trail", func(t *testing.T) { f.wantTrail(t, trail) })
	t.Run("FP10_decision_is_attributed", func(t *testing.T) { f.wantDecidedBy(t, user, api.Approved) })
	t.Run("FP11_second_alert_made_no_second_flow", func(t *testing.T) { f.wantOneRequest(t, 2) })
	t.Run("FP13_deletion_takes_the_children_and_leaves_the_trail", func(t *testing.T) {
		f.remove(t)
		f.wantTrail(t, trail)
	})
}

func (s *suite) rejected(t *testing.T) {
	t.Parallel()
	f := s.flow("rejected", "production")
	step(t, "FP2_broken_pod", f.breaks)
	step(t, "FP2_alert_is_about_the_pod", f.blamePod)
	step(t, "FP2_alert_is_taken", f.alerts)
	step(t, "FP10_waits_for_an_approval", f.waitsForApproval)
	user := "bob-" + s.Run
	step(t, "FP10_rejection", func(t *testing.T) { f.decide(t, user, api.Rejected) })
	t.Run("FP10_request_has_failed", func(t *testing.T) {
		got := f.await(t, api.Failed)
		if got.Status.FailurePhase != api.AwaitingApproval || got.Status.FailureReason != "ApprovalRejected" {
			t.Errorf("got failure phase %q and reason %q, want AwaitingApproval and ApprovalRejected", got.Status.FailurePhase, got.Status.FailureReason)
		}
		f.wantAbsent(t, api.WorkflowExecutionName(f.name), &api.WorkflowExecution{})
		f.wantLimit(t, brokenLimit)
	})
	t.Run("FP10_decision_is_attributed", func(t *testing.T) { f.wantDecidedBy(t, user, api.Rejected) })
	t.Run("FP7_trail", func(t *testing.T) {
		f.wantTrail(t, analyzed(4).with(
			exactly(1, api.EventApprovalRequested, api.EventApprovalRejected, api.EventWebhookApprovalDecided, api.EventLifecycleFailed),
			exactly(channels, api.EventMessageSent)))
	})
}

func (s *suite) resolved(t *testing.T) {
	t.Parallel()
	f := s.flow("resolved", "staging")
	f.alert.Summary += ", MOCK_PROBLEM_RESOLVED"
	step(t, "FP12_workload_is_well", func(t *testing.T) { f.deploy(t, raisedLimit) })
	step(t, "FP12_alert_is_taken", f.alerts)
	t.Run("FP12_no_action_is_required", func(t *testing.T) {
		if got := f.await(t, api.Completed); got.Status.Outcome != api.NoActionRequired {
			t.Errorf("outcome: got %q, want %q", got.Status.Outcome, api.NoActionRequired)
		}
		f.wantAbsent(t, api.WorkflowExecutionName(f.name), &api.WorkflowExecution{})
		f.wantAbsent(t, api.ApprovalRequestName(f.name), &api.RemediationApprovalRequest{})
	})
	t.Run("FP7_trail", func(t *testing.T) { f.wantTrail(t, investigated(3).with(exactly(1, api.EventLifecycleCompleted))) })
}

// alerts posts the alert for the first time.
func (f *flow) alerts(t *testing.T) {
	response, answer := f.post(t)
	if response.Status != http.StatusCreated || answer.RemediationRequestNamespace != f.Namespace {
		t.Fatalf("got %d %s, want 201 and a request in %s", response.Status, response.Body, f.Namespace)
	}
	f.name = answer.RemediationRequestName
	f.note(f)
}

func (f *flow) duplicate(t *testing.T) {
	response, answer := f.post(t)
	if response.Status != http.StatusAccepted || !answer.Duplicate || answer.RemediationRequestName != f.name {
		t.Errorf("got %d %s, want 202 and a duplicate of %s", response.Status, response.Body, f.name)
	}
	f.wantOneRequest(t, 2)
}

func (f *flow) isRemediated(t *testing.T) {
	status := f.await(t, api.Completed).Status
	if status.Outcome != api.Remediated || status.CompletedAt == nil || status.WorkflowExecutionRef == nil {
		t.Errorf("got %+v, want outcome %q, completedAt and workflowExecutionRef", status, api.Remediated)
	}
}

func (f *flow) waitsForApproval(t *testing.T) {
	f.await(t, api.AwaitingApproval)
	var approval api.RemediationApprovalRequest
	f.get(t, api.ApprovalRequestName(f.name), &approval)
	want := f.WorkflowID("production")
	if approval.Status.Decision != api.Undecided || approval.Spec.RecommendedWorkflow.WorkflowID != want {
		t.Errorf("got decision %q on workflow %s, want none on %s", approval.Status.Decision, approval.Spec.RecommendedWorkflow.WorkflowID, want)
	}
	f.get(t, api.ApprovalNotificationName(f.name), &api.NotificationRequest{})
	f.wantAbsent(t, api.WorkflowExecutionName(f.name), &api.WorkflowExecution{})
	f.wantLimit(t, brokenLimit)
}

// decide writes a decision as a user who claims to be somebody else.
func (f *flow) decide(t *testing.T, user string, decision api.Decision) {
	as, err := f.As(user)
	if err != nil {
		t.Fatal(err)
	}
	var approval api.RemediationApprovalRequest
	f.get(t, api.ApprovalRequestName(f.name), &approval)
	approval.Status.Decision, approval.Status.DecisionMessage, approval.Status.DecidedBy = decision, "looked at by "+user, "mallory"
	if err := as.Status().Update(t.Context(), &approval); err != nil {
		t.Fatal(err)
	}
}

func (f *flow) wantDecidedBy(t *testing.T, user string, decision api.Decision) {
	var approval api.RemediationApprovalRequest
	f.get(t, api.ApprovalRequestName(f.name), &approval)
	if got := approval.Status; got.Decision != decision || got.DecidedBy != user || got.DecidedAt == nil {
		t.Errorf("got %+v, want %s by %s", got, decision, user)
	}
	trail, err := f.trail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range trail {
		if event.Type == api.EventWebhookApprovalDecided && (event.ActorType != "user" || event.ActorID != user || event.ResourceID != approval.Name) {
			t.Errorf("event %+v: want actor user %s and resource %s", event, user, approval.Name)
		}
	}
}

// wantOrder checks that each object was there before the next, owned by the request, and that the phases followed each other.
func (f *flow) wantOrder(t *testing.T, phases []api.Phase) {
	request := f.await(t, api.Completed)
	before := metav1.ObjectMeta{Name: request.Name, CreationTimestamp: request.CreationTimestamp}
	for _, child := range f.steps(t) {
		if child.CreationTimestamp.Before(&before.CreationTimestamp) {
			t.Errorf("%s was made at %v, %s at %v", child.Name, child.CreationTimestamp, before.Name, before.CreationTimestamp)
		}
		if owner := metav1.GetControllerOf(&child); owner == nil || owner.UID != request.UID {
			t.Errorf("owner of %s: got %+v, want %s", child.Name, owner, request.Name)
		}
		before = child
	}
	f.Eventually(t, func(ctx context.Context) error {
		return f.comparePhases(ctx, append([]api.Phase{api.Pending}, phases...))
	})
}

func (f *flow) jobSucceeded(t *testing.T) {
	var execution api.WorkflowExecution
	f.get(t, api.WorkflowExecutionName(f.name), &execution)
	ref := execution.Status.ExecutionRef
	if ref == nil || ref.Namespace != f.workflows {
		t.Fatalf("execution: got reference %+v, want a Job in %s", ref, f.workflows)
	}
	job, err := f.Kube.BatchV1().Jobs(ref.Namespace).Get(t.Context(), ref.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	container := job.Spec.Template.Spec.Containers[0]
	if job.Status.Succeeded != 1 || job.Status.Failed != 0 || container.Image != f.reference() {
		t.Errorf("got %d successes, %d failures and image %s; want 1, 0 and %s", job.Status.Succeeded, job.Status.Failed, container.Image, f.reference())
	}
	workflow := execution.Spec.WorkflowRef
	if workflow.WorkflowID != f.WorkflowID("staging") || execution.Spec.TargetResource != f.alert.Namespace+"/Deployment/"+workload {
		t.Errorf("got workflow %s on %s", workflow.WorkflowID, execution.Spec.TargetResource)
	}
}

func (f *flow) rebuild(t *testing.T) {
	got, err := f.DataStorage.Reconstruct(t.Context(), f.name)
	if err != nil {
		t.Fatal(err)
	}
	if v := got.Validation; !v.IsValid || v.Completeness != 100 || len(v.Errors)+len(v.Warnings) != 0 {
		t.Errorf("validation: got %+v, want valid, 100 and neither errors nor warnings", v)
	}
	rebuilt, err := got.Request()
	if err != nil {
		t.Fatal(err)
	}
	if diff := contrast.Diff(f.await(t, api.Completed).Spec, rebuilt.Spec); diff != "" {
		t.Errorf("specification (-live +rebuilt):\n%s", diff)
	}
}

// remove deletes the request and waits until nothing is left of it in the cluster, its Job included.
func (f *flow) remove(t *testing.T) {
	request := f.await(t, api.Completed)
	job := f.job(t)
	if err := f.Client.Delete(t.Context(), &request); err != nil {
		t.Fatal(err)
	}
	left := map[string]client.Object{
		f.name:                                   &api.RemediationRequest{},
		api.SignalProcessingName(f.name):         &api.SignalProcessing{},
		api.AIAnalysisName(f.name):               &api.AIAnalysis{},
		api.ApprovalRequestName(f.name):          &api.RemediationApprovalRequest{},
		api.ApprovalNotificationName(f.name):     &api.NotificationRequest{},
		api.WorkflowExecutionName(f.name):        &api.WorkflowExecution{},
		api.CompletionNotificationName(f.name):   &api.NotificationRequest{},
		api.ManualReviewNotificationName(f.name): &api.NotificationRequest{},
	}
	f.Eventually(t, func(ctx context.Context) error { return errors.Join(f.absent(ctx, left), f.jobAbsent(ctx, job)) })
}

// noStrayEvents looks at everything that datastorage was told since the suite began: it is about a flow, or about the catalogue.
func (s *suite) noStrayEvents(t *testing.T) {
	catalogue := []api.EventType{api.EventWorkflowCreated, api.EventWorkflowUpdated}
	known := map[string]int{}
	for _, event := range s.eventsSince(t, s.began) {
		if slices.Contains(s.names(), event.CorrelationID) {
			known[event.CorrelationID]++
		} else if !slices.Contains(catalogue, event.Type) {
			t.Errorf("event %s at %s about %s %s has the correlation id %q, which is no request's name",
				event.Type, event.Timestamp.Format(time.RFC3339), event.ResourceType, event.ResourceID, event.CorrelationID)
		}
	}
	if len(known) != len(s.flows()) {
		t.Errorf("got events of %d flows, %v; want some of each of %v", len(known), known, s.names())
	}
}

// trailsStay leaves out flows that have failed before their trail was looked at.
func (s *suite) trailsStay(t *testing.T) {
	for _, f := range s.flows() {
		if f.expected == nil {
			continue
		}
		if err := f.compareTrail(t.Context(), f.expected); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}
