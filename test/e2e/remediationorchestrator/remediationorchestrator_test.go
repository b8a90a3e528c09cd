// Package remediationorchestrator_test says what the orchestrator promises, on a real cluster.
//
// No other controller runs: each test plays them by writing the children's statuses (flow_test.go), so that every answer,
// and every failure, comes when the test wants it. The admission webhook is the real one. Tests have requests of their own and run at the same time; only those
// that take the orchestrator or datastorage away come after them, one by one. Deployed settings are those of production;
// where a test cannot wait that long, the request has limits of its own, or what the wait counts from lies in the past.
package remediationorchestrator_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

func TestRemediationOrchestrator(t *testing.T) {
	s := connect(t)
	t.Run("flows", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){
			"RO1_new_request_is_processed":                            s.newRequest,
			"RO2_processed_signal_is_analysed":                        s.processed,
			"RO3_selected_workflow_is_executed":                       s.analysed,
			"RO4_executed_workflow_completes_the_request":             s.executed,
			"RO5_approval_is_asked_for":                               s.approvalAsked,
			"RO6_approved_workflow_is_executed":                       s.approved,
			"RO7_rejected_workflow_is_not":                            s.rejected,
			"RO8_nobody_decides_in_time":                              s.expired,
			"RO9_problem_is_gone":                                     s.resolved,
			"RO10_human_must_look":                                    s.humanReview,
			"RO11_three_failures_block_the_fourth":                    s.consecutiveFailures,
			"RO12_busy_target_blocks_until_it_is_free":                s.resourceBusy,
			"RO13_recent_success_blocks":                              s.recentlyRemediated,
			"RO14_processing_times_out":                               s.timeout,
			"RO15_failed_workflow_fails_the_request":                  s.failedWorkflow,
			"RO16_deleting_the_request_removes_its_children":          s.deleted,
			"RO17_requests_about_two_namespaces_progress_apart":       s.twoNamespaces,
			"RO18_audit_trail_is_in_order_and_outlives_the_approval":  s.auditTrail,
			"RO19_failure_just_before_lets_the_next_wait":             s.backoff,
			"RO20_duplicate_waits_for_the_older_request":              s.duplicate,
			"RO21_occurrences_counted_meanwhile_survive":              s.occurrences,
			"RO22_deleted_child_fails_the_request":                    s.deletedChild,
			"RO23_workflow_that_the_schema_refuses_fails_the_request": s.refusedChild,
			"RO24_metrics_and_Kubernetes_events_tell_of_every_step":   s.observed,
			"RO25_cancelled_request_is_left_alone":                    s.cancelled,
			"RO26_whole_remediation_times_out":                        s.globalTimeout,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t)
			})
		}
	})
	t.Run("RO27_restart_goes_on_once_with_new_settings", s.restarted)
	t.Run("RO28_datastorage_may_be_away", s.withoutDataStorage)
}

func (s *suite) newRequest(t *testing.T) {
	f := s.flow(t, "ro1")
	request := f.await(api.Processing)
	var sp api.SignalProcessing
	f.child("sp-"+f.name, &sp)
	yes := true
	want := []metav1.OwnerReference{{
		APIVersion: "kubernaut.ai/v1alpha1", Kind: "RemediationRequest", Name: f.name, UID: request.UID, Controller: &yes, BlockOwnerDeletion: &yes,
	}}
	if diff := contrast.Diff(want, sp.OwnerReferences); diff != "" {
		t.Errorf("owner (-want +got):\n%s", diff)
	}
	signal, spec := sp.Spec.Signal, request.Spec
	got := []any{signal.Fingerprint, signal.Name, signal.Severity, signal.TargetResource, signal.Annotations, sp.Spec.RemediationRequestRef.Name}
	if diff := contrast.Diff([]any{spec.SignalFingerprint, spec.SignalName, spec.Severity, spec.TargetResource, spec.SignalAnnotations, f.name}, got); diff != "" {
		t.Errorf("signal (-request +child):\n%s", diff)
	}
	if ref := request.Status.SignalProcessingRef; ref == nil || ref.UID != string(sp.UID) {
		t.Errorf("reference: got %+v, want one to %s", ref, sp.UID)
	}
}

func (s *suite) processed(t *testing.T) {
	f := s.flow(t, "ro2")
	f.process(nil)
	request := f.await(api.Analyzing)
	var aa api.AIAnalysis
	f.child("ai-"+f.name, &aa)
	want := api.SignalContext{
		Fingerprint: request.Spec.SignalFingerprint, Severity: "critical", SignalType: request.Spec.SignalName, Environment: "staging",
		BusinessPriority: "P2", TargetResource: request.Spec.TargetResource, Message: "made by run " + s.Run,
		EnrichmentResults: &api.EnrichmentResults{
			KubernetesContext:      &api.KubernetesContext{OwnerChain: []api.OwnerReference{{Kind: "Deployment", Name: "web"}}},
			BusinessClassification: &api.BusinessClassification{BusinessUnit: "shop"},
		},
	}
	if diff := contrast.Diff(want, aa.Spec.AnalysisRequest.SignalContext); diff != "" {
		t.Errorf("signal context (-want +got):\n%s", diff)
	}
	if aa.Spec.RemediationID != f.name || !metav1.IsControlledBy(&aa, request) {
		t.Errorf("got remediation id %q and owners %+v, want both to name %s", aa.Spec.RemediationID, aa.OwnerReferences, f.name)
	}
}

func (s *suite) analysed(t *testing.T) {
	f := s.flow(t, "ro3")
	f.upTo(api.Executing)
	var wfe api.WorkflowExecution
	f.child("we-"+f.name, &wfe)
	spec := wfe.Spec
	got := []any{spec.WorkflowRef.WorkflowID, spec.WorkflowRef.ContainerImage, spec.TargetResource, spec.Parameters, spec.Confidence, spec.ExecutionConfig.Timeout.Duration}
	want := []any{
		workflowID, "localhost/workflows/increase-memory", s.TargetNamespace() + "/Deployment/web-ro3",
		map[string]api.ParameterValue{"MEMORY_LIMIT": "128Mi"}, 0.95, 30 * time.Minute,
	}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("execution (-want +got):\n%s", diff)
	}
	f.wantNone("rar-"+f.name, &api.RemediationApprovalRequest{})
}

func (s *suite) executed(t *testing.T) {
	f := s.flow(t, "ro4")
	f.upTo(api.Executing)
	f.execute(nil)
	request := f.await(api.Completed)
	if status := request.Status; status.Outcome != api.Remediated || status.CompletedAt == nil || status.FailureReason != "" {
		t.Errorf("got %+v, want outcome Remediated", status)
	}
	f.wantMessage(request, "nr-completion-"+f.name, api.StatusUpdate, workflowID)
}

// wantMessage wants a notification that the request owns and refers to.
func (f *flow) wantMessage(request *api.RemediationRequest, name string, kind api.NotificationType, body string) {
	f.t.Helper()
	var nr api.NotificationRequest
	f.child(name, &nr)
	if nr.Spec.Type != kind || !strings.Contains(nr.Spec.Body, body) || nr.Spec.RemediationRequestRef.Name != f.name || !metav1.IsControlledBy(&nr, request) {
		f.t.Errorf("%s: got %+v of %+v, want type %s and a body with %q", name, nr.Spec, nr.OwnerReferences, kind, body)
	}
	for _, ref := range request.Status.NotificationRequestRefs {
		if ref.Name == name {
			return
		}
	}
	f.t.Errorf("references: got %+v, want one to %s", request.Status.NotificationRequestRefs, name)
}

func (s *suite) approvalAsked(t *testing.T) {
	f := s.flow(t, "ro5")
	f.upTo(api.AwaitingApproval)
	request := f.await(api.AwaitingApproval)
	var rar api.RemediationApprovalRequest
	f.child("rar-"+f.name, &rar)
	got := []any{rar.Spec.Reason, rar.Spec.Confidence, string(rar.Spec.ConfidenceLevel), rar.Spec.RecommendedWorkflow.WorkflowID, rar.Status.Decision, metav1.IsControlledBy(&rar, request)}
	if diff := contrast.Diff([]any{"production environment", 0.95, "high", workflowID, api.Undecided, true}, got); diff != "" {
		t.Errorf("approval request (-want +got):\n%s", diff)
	}
	if left := rar.Spec.RequiredBy.Sub(rar.CreationTimestamp.Time); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("required within %s, want 15 min", left)
	}
	f.wantMessage(request, "nr-approval-"+f.name, api.ApprovalNeeded, "kubectl patch remediationapprovalrequest rar-"+f.name)
	f.wantNone("we-"+f.name, &api.WorkflowExecution{})
}

func (s *suite) approved(t *testing.T) {
	f := s.flow(t, "ro6")
	f.upTo(api.AwaitingApproval)
	f.decide(api.Approved)
	f.await(api.Executing)
	f.child("we-"+f.name, &api.WorkflowExecution{})
}

func (s *suite) rejected(t *testing.T) {
	f := s.flow(t, "ro7")
	f.upTo(api.AwaitingApproval)
	f.decide(api.Rejected)
	if got := f.await(api.Failed).Status; got.FailurePhase != api.AwaitingApproval || got.FailureReason != "ApprovalRejected" || !strings.Contains(got.Message, user) {
		t.Errorf("got %+v, want failure ApprovalRejected in AwaitingApproval by %s", got, user)
	}
	f.wantNone("we-"+f.name, &api.WorkflowExecution{})
}

// expired shortens the whole remediation once the question is asked: a decision cannot be waited for longer than that. RO27
// has the approval's own limit.
func (s *suite) expired(t *testing.T) {
	f := s.flow(t, "ro8")
	f.upTo(api.AwaitingApproval)
	f.edit(func(status *api.RemediationRequestStatus) {
		status.TimeoutConfig = &api.TimeoutConfig{Global: &metav1.Duration{Duration: time.Second}}
	})
	f.wantExpired()
}

func (f *flow) wantExpired() {
	f.t.Helper()
	if got := f.await(api.Failed).Status; got.FailurePhase != api.AwaitingApproval || got.FailureReason != "ApprovalExpired" {
		f.t.Errorf("got %+v, want failure ApprovalExpired in AwaitingApproval", got)
	}
	var rar api.RemediationApprovalRequest
	f.child("rar-"+f.name, &rar)
	if rar.Status.Decision != api.Expired || !rar.Status.Expired {
		f.t.Errorf("got %+v, want decision Expired", rar.Status)
	}
	f.wantNone("we-"+f.name, &api.WorkflowExecution{})
}

func (s *suite) resolved(t *testing.T) {
	f := s.flow(t, "ro9")
	f.upTo(api.Analyzing)
	f.analyze(func(status *api.AIAnalysisStatus) {
		status.SelectedWorkflow, status.SubReason = nil, api.SubReasonProblemResolved
	})
	if got := f.await(api.Completed).Status; got.Outcome != api.NoActionRequired || got.RequiresManualReview {
		t.Errorf("got %+v, want outcome NoActionRequired", got)
	}
	f.wantNone("we-"+f.name, &api.WorkflowExecution{})
}

func (s *suite) humanReview(t *testing.T) {
	f := s.flow(t, "ro10")
	f.upTo(api.Analyzing)
	f.analyze(func(status *api.AIAnalysisStatus) {
		status.Phase, status.SubReason, status.SelectedWorkflow = api.AIAnalysisFailed, api.SubReasonLowConfidence, nil
		status.NeedsHumanReview, status.Message = true, "confidence 0.35 is too low"
	})
	request := f.await(api.Failed)
	got := request.Status
	if !got.RequiresManualReview || got.Outcome != api.ManualReviewRequired || got.FailurePhase != api.Analyzing || got.FailureReason != "LowConfidence" {
		t.Errorf("got %+v, want LowConfidence in Analyzing and a manual review", got)
	}
	f.wantMessage(request, "nr-manual-review-"+f.name, api.ManualReviewNeeded, "confidence 0.35 is too low")
	f.wantNone("we-"+f.name, &api.WorkflowExecution{})
}

func (s *suite) deleted(t *testing.T) {
	f := s.flow(t, "ro16")
	f.upTo(api.AwaitingApproval)
	f.decide(api.Approved)
	request := f.await(api.Executing)
	f.execute(nil)
	f.await(api.Completed)
	for name, child := range f.children() {
		if !strings.HasPrefix(name, "nr-manual-review-") {
			f.child(name, child)
		}
	}
	if err := s.Client.Delete(t.Context(), request, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	f.gone()
}

// twoNamespaces is about the workloads' namespaces: requests themselves are all in the platform's own, which is the only one
// that a copy of the platform watches, so that several copies fit into a cluster.
func (s *suite) twoNamespaces(t *testing.T) {
	here, there := s.signal("ro17"), s.signal("ro17")
	there.target.Namespace += "-b"
	one, other := s.start(t, here, 1), s.start(t, there, 1)
	t.Cleanup(func() { other.remove() })
	one.upTo(api.Executing)
	other.upTo(api.Analyzing) // a workflow on the same name in the other namespace keeps nobody waiting
	other.analyze(func(status *api.AIAnalysisStatus) {
		status.Phase, status.SelectedWorkflow = api.AIAnalysisFailed, nil
	})
	other.await(api.Failed)
	one.execute(nil)
	one.await(api.Completed)
}
