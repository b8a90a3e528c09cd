package aianalysis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
)

// binding is what lets the controller use holmesgpt-api.
const binding = api.AIAnalysisComponent + "-holmesgpt-api-client"

func (s *suite) refused(t *testing.T) {
	bindings := s.Kube.RbacV1().RoleBindings(s.Namespace)
	saved, err := bindings.Get(t.Context(), binding, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	saved.ObjectMeta = metav1.ObjectMeta{Name: saved.Name, Namespace: saved.Namespace, Labels: saved.Labels, Annotations: saved.Annotations}
	restore := func() {
		if _, err := bindings.Create(context.WithoutCancel(t.Context()), saved, metav1.CreateOptions{}); err != nil {
			t.Errorf("restoring RoleBinding %s: %v", binding, err)
		}
	}
	if err := bindings.Delete(t.Context(), binding, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	restored := false
	t.Cleanup(func() {
		if !restored {
			restore()
		}
	})
	s.awaitRight(t, false)
	object := s.analyse(t, s.analysis("aa9", "OOMKilled", staging), api.AIAnalysisFailed, api.SubReasonPermanentError)
	if object.Status.NeedsHumanReview || object.Status.ConsecutiveFailures != 1 {
		t.Errorf("got %+v, want one failure and no review", object.Status)
	}
	restored = true
	restore()
	s.awaitRight(t, true)
	s.analyse(t, s.analysis("aa9-later", "OOMKilled", staging), api.AIAnalysisCompleted, "")
	// By now a second try of the first analysis would have been made and recorded.
	s.trail(t, object, map[string]int{
		"Pending-Investigating": 1, "Investigating-Failed": 1, string(api.EventHolmesGPTCall) + " failure": 1,
		string(api.EventAnalysisError) + " failure": 1, string(api.EventAnalysisFailed) + " failure": 1,
	})
}

// awaitRight waits until the API server lets the controller use holmesgpt-api, or no longer does.
func (s *suite) awaitRight(t *testing.T, want bool) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		got, err := s.may(ctx, "create", "", "services", s.Namespace, api.HolmesGPTService)
		if err == nil && got != want {
			err = fmt.Errorf("the controller may use %s: %t, want %t", api.HolmesGPTService, got, want)
		}
		return err
	})
}

// may asks the API server about the account with which the controller runs.
func (s *suite) may(ctx context.Context, verb, group, resource, namespace, name string) (bool, error) {
	resource, subresource, _ := strings.Cut(resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + s.Namespace + ":" + api.AIAnalysisComponent,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name,
		},
	}}
	answer, err := s.Kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}

// takeAway stops holmesgpt-api and returns what brings it back, at the test's end at the latest.
func (s *suite) takeAway(t *testing.T) (bringBack func()) {
	t.Helper()
	before, err := s.Scale(t.Context(), api.HolmesGPTAPI, 0)
	bringBack = func() {
		t.Helper()
		if _, err := s.Scale(context.WithoutCancel(t.Context()), api.HolmesGPTAPI, before); err != nil {
			t.Errorf("restoring %s: %v", api.HolmesGPTAPI, err)
		}
	}
	t.Cleanup(bringBack)
	if err != nil {
		t.Fatal(err)
	}
	return bringBack
}

// tried waits until an analysis has failed so often, in its investigation.
func (s *suite) tried(t *testing.T, object *api.AIAnalysis, failures int32) {
	t.Helper()
	got := s.await(t, object, "more failures", func(status api.AIAnalysisStatus) bool {
		return status.ConsecutiveFailures >= failures || status.Phase.Terminal()
	}).Status
	if got.Phase != api.AIAnalysisInvestigating || got.Reason != "Retrying" || got.Message == "" {
		t.Fatalf("got %+v, want Investigating and the last error", got)
	}
}

func (s *suite) away(t *testing.T) {
	bringBack := s.takeAway(t)
	object := s.analysis("aa8", "OOMKilled", staging)
	s.create(t, object)
	s.tried(t, object, 3)
	bringBack()
	s.wantTries(t, s.finish(t, object, api.AIAnalysisCompleted, ""))
}

// wantTries wants the events of an analysis whose investigation failed at first: those of any other, and one for each
// failed try. The tries are numbered without a gap, and the controller paused for 1, 2, 4 … 30 s after them.
func (s *suite) wantTries(t *testing.T, object api.AIAnalysis) {
	t.Helper()
	events := s.trail(t, object, s.withFailures(t, object))
	var last time.Time
	pause, try := time.Second, 0
	for _, event := range events {
		if event.Type != api.EventHolmesGPTCall {
			continue
		}
		try++
		var data struct{ Attempt int }
		if err := json.Unmarshal(event.Data, &data); err != nil || data.Attempt != try {
			t.Errorf("call %d: got %s and error %v, want attempt %d", try, event.Data, err, try)
		}
		if !last.IsZero() {
			if got := event.Timestamp.Sub(last); got < pause {
				t.Errorf("call %d came %s after the one before, want %s at least", try, got, pause)
			}
			pause = min(2*pause, 30*time.Second)
		}
		last = event.Timestamp
	}
}

// withFailures returns the wanted events of a completed analysis with as many failed calls as its successful call says.
func (s *suite) withFailures(t *testing.T, object api.AIAnalysis) map[string]int {
	t.Helper()
	want := completed()
	s.Eventually(t, func(ctx context.Context) error {
		events, err := s.events(ctx, object)
		if err != nil {
			return err
		}
		for _, event := range events {
			var data struct{ Attempt int }
			if title(event) == string(api.EventHolmesGPTCall) && json.Unmarshal(event.Data, &data) == nil && data.Attempt > 1 {
				want[string(api.EventHolmesGPTCall)+" failure"] = data.Attempt - 1
				return nil
			}
		}
		return fmt.Errorf("no successful call of %s after a failed one is recorded", object.Name)
	})
	return want
}

// restart takes the controller away while an investigation is under way, which the absence of holmesgpt-api holds up.
func (s *suite) restart(t *testing.T) {
	bringBack := s.takeAway(t)
	object := s.analysis("aa13", "OOMKilled", staging)
	s.create(t, object)
	s.tried(t, object, 1)
	if err := s.Restart(t.Context(), api.AIAnalysisComponent); err != nil {
		t.Fatal(err)
	}
	s.tried(t, object, 2)
	bringBack()
	done := s.finish(t, object, api.AIAnalysisCompleted, "")
	s.trail(t, done, s.withFailures(t, done))
}
