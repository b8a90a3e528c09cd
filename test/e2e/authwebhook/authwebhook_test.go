// Package authwebhook_test says what authwebhook promises, on a real cluster: the API server calls it on every write.
//
// The suite acts as several users by impersonation, which the API server treats as authentication. No controller runs, so
// that every status is the suite's own.
package authwebhook_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

const (
	tenWords  = "checked the pods by hand and the target is healthy"
	nineWords = "checked the pods by hand and target is healthy"
)

func TestAuthWebhook(t *testing.T) {
	s := connect(t)
	t.Run("decisions", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T){
			"AW1_clearance_names_the_caller":              s.clearance,
			"AW2_nine_words_are_too_few":                  func(t *testing.T) { s.refusedClearance(t, nineWords, "at least 10 words, got 9") },
			"AW3_empty_reason_is_denied":                  func(t *testing.T) { s.refusedClearance(t, "", "at least 10 words, got 0") },
			"AW4_forged_clearer_is_replaced":              s.forgedClearance,
			"AW5_approval_names_the_user":                 func(t *testing.T) { s.approval(t, "") },
			"AW6_forged_approver_is_replaced_and_logged":  s.forgedApproval,
			"AW7_unknown_decision_is_rejected":            s.unknownDecision,
			"AW8_second_decision_is_denied":               s.secondDecision,
			"AW9_status_without_decision_is_untouched":    s.noDecision,
			"AW10_timeouts_name_who_changed_them":         s.timeouts,
			"AW11_deletion_of_a_notification_is_recorded": s.deletion,
			"AW12_parallel_clearances_do_not_mix":         s.parallelClearances,
			"AW15_events_carry_user_and_flow":             s.events,
			"AW16_dry_run_leaves_no_event":                s.dryRun,
			"AW17_only_the_orchestrator_lets_expire":      s.expiry,
			"AW18_clearance_cannot_be_taken_back":         s.clearanceStays,
			"AW19_finished_notification_is_acknowledged":  s.acknowledgement,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t) })
		}
	})
	t.Run("AW20_restart_keeps_the_certificate", s.restart)
	t.Run("AW14_datastorage_may_be_away", s.withoutDataStorage)
	t.Run("AW13_closed_while_the_webhook_is_down", s.down)
}

func (s *suite) clearance(t *testing.T) {
	execution, user := s.execution(t), s.user("alice")
	before := time.Now().Add(-2 * time.Second)
	if err := s.clear(t.Context(), user, execution, api.BlockClearance{ClearReason: tenWords}); err != nil {
		t.Fatal(err)
	}
	got := get(t, s, execution).Status.BlockClearance
	want := &api.BlockClearance{ClearReason: tenWords, ClearedBy: user, ClearMethod: "StatusField", ClearedAt: got.ClearedAt}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("clearance (-want +got):\n%s", diff)
	}
	if at := got.ClearedAt; at == nil || at.Time.Before(before) || at.Time.After(time.Now().Add(2*time.Second)) {
		t.Errorf("clearedAt: got %v, want now", at)
	}
}

func (s *suite) refusedClearance(t *testing.T, reason, message string) {
	execution := s.execution(t)
	err := s.clear(t.Context(), s.user("alice"), execution, api.BlockClearance{ClearReason: reason})
	wantDenied(t, err, message)
	if got := get(t, s, execution).Status.BlockClearance; got != nil {
		t.Errorf("stored clearance: got %+v, want none", got)
	}
}

func (s *suite) forgedClearance(t *testing.T) {
	execution, user := s.execution(t), s.user("alice")
	long := metav1.NewTime(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	if err := s.clear(t.Context(), user, execution, api.BlockClearance{ClearReason: tenWords, ClearedBy: "somebody", ClearedAt: &long}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, execution).Status.BlockClearance; got.ClearedBy != user || got.ClearedAt.Equal(&long) {
		t.Errorf("got %+v, want cleared by %s now", got, user)
	}
}

func (s *suite) approval(t *testing.T, claimed string) (*api.RemediationApprovalRequest, string) {
	approval, user := s.request(t), s.user("alice")
	if err := s.decide(t.Context(), user, approval, api.RemediationApprovalRequestStatus{Decision: api.Approved, DecidedBy: claimed}); err != nil {
		t.Fatal(err)
	}
	got := get(t, s, approval).Status
	if got.Decision != api.Approved || got.DecidedBy != user || got.DecidedAt == nil {
		t.Errorf("got %+v, want approved by %s, now", got, user)
	}
	return approval, user
}

func (s *suite) forgedApproval(t *testing.T) {
	approval, user := s.approval(t, "bob")
	s.Eventually(t, func(ctx context.Context) error {
		logs, err := s.Logs(ctx, api.AuthWebhook)
		if err != nil {
			return err
		}
		for line := range strings.Lines(logs) {
			if strings.Contains(line, "forgery attempt") && strings.Contains(line, approval.Name) && strings.Contains(line, user) {
				return nil
			}
		}
		return fmt.Errorf("no log line tells of the forgery attempt on %s by %s", approval.Name, user)
	})
}

func (s *suite) unknownDecision(t *testing.T) {
	approval := s.request(t)
	err := s.decide(t.Context(), s.user("alice"), approval, api.RemediationApprovalRequestStatus{Decision: "Maybe"})
	if !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
		t.Errorf("got %v, want a refusal by schema or webhook", err)
	}
	if got := get(t, s, approval).Status; got.Decision != api.Undecided || got.DecidedBy != "" {
		t.Errorf("stored: got %+v, want no decision", got)
	}
}

func (s *suite) secondDecision(t *testing.T) {
	approval, user := s.approval(t, "")
	err := s.decide(t.Context(), s.user("bob"), approval, api.RemediationApprovalRequestStatus{Decision: api.Rejected})
	wantDenied(t, err, "a decision cannot be changed")
	if got := get(t, s, approval).Status; got.Decision != api.Approved || got.DecidedBy != user {
		t.Errorf("stored: got %+v, want approved by %s", got, user)
	}
}

func (s *suite) noDecision(t *testing.T) {
	approval := s.request(t)
	created := metav1.NewTime(time.Now().Truncate(time.Second))
	if err := s.decide(t.Context(), s.user("alice"), approval, api.RemediationApprovalRequestStatus{CreatedAt: &created}); err != nil {
		t.Fatal(err)
	}
	want := api.RemediationApprovalRequestStatus{CreatedAt: &created}
	if diff := contrast.Diff(want, get(t, s, approval).Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	s.wantNoEvent(t, approval.Spec.RemediationRequestRef.Name)
}

func (s *suite) timeouts(t *testing.T) {
	request, user := s.remediation(t), s.user("alice")
	limits := &api.TimeoutConfig{Global: &metav1.Duration{Duration: time.Hour}}
	err := s.edit(t.Context(), user, request, func() { request.Status.TimeoutConfig = limits })
	if err != nil {
		t.Fatal(err)
	}
	got := get(t, s, request).Status
	if got.LastModifiedBy != user || got.LastModifiedAt == nil {
		t.Errorf("got %+v, want last modified by %s", got, user)
	}
	err = s.edit(t.Context(), s.user("bob"), request, func() { request.Status.OverallPhase = api.Processing })
	if err != nil {
		t.Fatal(err)
	}
	again := get(t, s, request).Status
	if again.LastModifiedBy != user || !again.LastModifiedAt.Equal(got.LastModifiedAt) || again.OverallPhase != api.Processing {
		t.Errorf("another status write: got %+v, want the attribution as it was and the phase Processing", again)
	}
	s.WantEvents(t, request.Name, map[string]int{string(api.EventWebhookTimeoutModified): 1})
}

func (s *suite) deletion(t *testing.T) {
	notification, user := s.notification(t), s.user("alice")
	if err := s.as(t, user).Delete(t.Context(), notification); err != nil {
		t.Fatal(err)
	}
	if err := s.Client.Get(t.Context(), client.ObjectKeyFromObject(notification), notification); !apierrors.IsNotFound(err) {
		t.Errorf("after the deletion: got %v, want not found", err)
	}
	s.WantEvents(t, notification.Spec.RemediationRequestRef.Name, map[string]int{string(api.EventWebhookCancelled): 1})
}

func (s *suite) acknowledgement(t *testing.T) {
	notification := s.notification(t)
	if err := s.edit(t.Context(), s.user("alice"), notification, func() { notification.Status.Phase = api.NotificationSent }); err != nil {
		t.Fatal(err)
	}
	if err := s.as(t, s.user("alice")).Delete(t.Context(), notification); err != nil {
		t.Fatal(err)
	}
	s.WantEvents(t, notification.Spec.RemediationRequestRef.Name, map[string]int{string(api.EventWebhookAcknowledged): 1})
}

func (s *suite) parallelClearances(t *testing.T) {
	const number = 10
	executions := make([]*api.WorkflowExecution, number)
	for i := range executions {
		executions[i] = s.execution(t)
	}
	var writes sync.WaitGroup
	for i, execution := range executions {
		writes.Go(func() {
			reason := fmt.Sprintf("%s %d", tenWords, i)
			if err := s.clear(t.Context(), s.user(fmt.Sprint("user", i)), execution, api.BlockClearance{ClearReason: reason}); err != nil {
				t.Error(err)
			}
		})
	}
	writes.Wait()
	for i, execution := range executions {
		got := get(t, s, execution).Status.BlockClearance
		if got == nil || got.ClearedBy != s.user(fmt.Sprint("user", i)) || got.ClearReason != fmt.Sprintf("%s %d", tenWords, i) {
			t.Errorf("clearance %d: got %+v, want that of user%d", i, got, i)
		}
	}
}

func (s *suite) events(t *testing.T) {
	approval, user := s.approval(t, "")
	flow := approval.Spec.RemediationRequestRef.Name
	s.WantEvents(t, flow, map[string]int{string(api.EventWebhookApprovalDecided): 1})
	event := s.flow(t, flow)[0]
	got := []string{event.ActorType, event.ActorID, event.CorrelationID, event.ResourceType, event.ResourceID, event.Namespace, string(event.Category)}
	want := []string{"user", user, flow, api.RemediationApprovalRequestKind, approval.Name, s.Namespace, string(api.CategoryWebhook)}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func (s *suite) dryRun(t *testing.T) {
	approval := s.request(t)
	approval.Status = api.RemediationApprovalRequestStatus{Decision: api.Approved}
	user := s.user("alice")
	if err := s.as(t, user).Status().Update(t.Context(), approval, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if approval.Status.DecidedBy != user {
		t.Errorf("answer of the dry run: got decidedBy %q, want %q", approval.Status.DecidedBy, user)
	}
	if got := get(t, s, approval).Status.Decision; got != api.Undecided {
		t.Errorf("stored decision: got %q, want none", got)
	}
	s.wantNoEvent(t, approval.Spec.RemediationRequestRef.Name)
}

func (s *suite) expiry(t *testing.T) {
	approval := s.request(t)
	expired := api.RemediationApprovalRequestStatus{Decision: api.Expired, Expired: true}
	wantDenied(t, s.decide(t.Context(), s.user("alice"), approval, expired), "may write the decision Expired")
	orchestrator := "system:serviceaccount:" + s.Namespace + ":" + api.RemediationOrchestrator
	if err := s.decide(t.Context(), orchestrator, approval, expired); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, approval).Status; got.Decision != api.Expired || got.DecidedBy != orchestrator {
		t.Errorf("got %+v, want expired by %s", got, orchestrator)
	}
}

func (s *suite) clearanceStays(t *testing.T) {
	execution, user := s.execution(t), s.user("alice")
	if err := s.clear(t.Context(), user, execution, api.BlockClearance{ClearReason: tenWords}); err != nil {
		t.Fatal(err)
	}
	err := s.edit(t.Context(), s.user("bob"), execution, func() { execution.Status.BlockClearance = nil })
	wantDenied(t, err, "a clearance cannot be changed")
	if got := get(t, s, execution).Status.BlockClearance; got == nil || got.ClearedBy != user {
		t.Errorf("got %+v, want cleared by %s", got, user)
	}
}

// restart: the next process serves the certificate that the API server trusts already.
func (s *suite) restart(t *testing.T) {
	if err := s.Restart(t.Context(), api.AuthWebhook); err != nil {
		t.Fatal(err)
	}
	s.Eventually(t, func(ctx context.Context) error {
		return s.decide(ctx, s.user("alice"), s.request(t), api.RemediationApprovalRequestStatus{Decision: api.Approved})
	})
}

func (s *suite) withoutDataStorage(t *testing.T) {
	s.scale(t, api.DataStorage, 0)
	approval, _ := s.approval(t, "")
	s.scale(t, api.DataStorage, 1)
	s.WantEvents(t, approval.Spec.RemediationRequestRef.Name, map[string]int{string(api.EventWebhookApprovalDecided): 1})
}

func (s *suite) down(t *testing.T) {
	approval := s.request(t)
	s.scale(t, api.AuthWebhook, 0)
	err := s.decide(t.Context(), s.user("alice"), approval, api.RemediationApprovalRequestStatus{Decision: api.Approved})
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "failed calling webhook") {
		t.Errorf("while it is down: got %v, want that the webhook could not be called", err)
	}
	if got := get(t, s, approval).Status.Decision; got != api.Undecided {
		t.Errorf("stored decision: got %q, want none", got)
	}
	s.scale(t, api.AuthWebhook, 1)
	s.Eventually(t, func(ctx context.Context) error {
		return s.decide(ctx, s.user("alice"), approval, api.RemediationApprovalRequestStatus{Decision: api.Approved})
	})
}
