package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/aianalysis/investigation"
	"github.com/kubernaut/kubernaut/services/aianalysis/reconcile"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

func TestFailedTriesAreRepeatedWithGrowingPauses(t *testing.T) {
	down := refuse(errors.New("it answered 500"))
	w := newWorld(t, analysis(), down, down, down, down, answer(good()))
	var pauses []string
	for i := range 4 {
		pauses = append(pauses, w.reconcile(t).RequeueAfter.String())
		got := w.status(t)
		if got.Phase != v1alpha1.AIAnalysisInvestigating || got.ConsecutiveFailures != int32(i+1) || got.Reason != "Retrying" || !strings.Contains(got.Message, "500") {
			t.Errorf("try %d: got %+v, want Investigating with its count and the error", i+1, got)
		}
		if !meta.IsStatusConditionFalse(got.Conditions, reconcile.InvestigationComplete) {
			t.Errorf("try %d: conditions %+v, want %s false", i+1, got.Conditions, reconcile.InvestigationComplete)
		}
	}
	if diff := cmp.Diff([]string{"1s", "2s", "3s", "3s"}, pauses); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	w.reconcile(t)
	want := once()
	want["aianalysis.holmesgpt.call failure"] = 4
	if diff := cmp.Diff(want, w.trail.counts()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.status(t); got.ConsecutiveFailures != 0 || !meta.IsStatusConditionTrue(got.Conditions, reconcile.InvestigationComplete) {
		t.Errorf("got %+v, want no trace of failures", got)
	}
	if failures, successes := w.metric(t, "kubernaut_aianalysis_holmesgpt_calls_total", "failure"), w.metric(t, "kubernaut_aianalysis_holmesgpt_calls_total", "success"); failures != 4 || successes != 1 {
		t.Errorf("calls: got %v failures and %v successes, want 4 and 1", failures, successes)
	}
}

func TestRefusalEndsTheAnalysis(t *testing.T) {
	for cause, want := range map[error]v1alpha1.AnalysisSubReason{
		investigation.ErrRefused: v1alpha1.SubReasonPermanentError, investigation.ErrInvalid: v1alpha1.SubReasonValidationError,
	} {
		w := newWorld(t, analysis(), refuse(fmt.Errorf("asking: %w", cause)))
		if result := w.reconcile(t); result.RequeueAfter != 0 {
			t.Errorf("%v: another try after %s", cause, result.RequeueAfter)
		}
		got := w.status(t)
		if got.Phase != v1alpha1.AIAnalysisFailed || got.SubReason != want || got.Reason != "APIError" || got.CompletedAt == nil || got.ConsecutiveFailures != 1 || got.NeedsHumanReview {
			t.Errorf("%v: got %+v, want Failed with %s", cause, got, want)
		}
		events := map[string]int{
			"Pending-Investigating": 1, "Investigating-Failed": 1, "aianalysis.holmesgpt.call failure": 1,
			"aianalysis.error.occurred failure": 1, "aianalysis.analysis.failed failure": 1,
		}
		if diff := cmp.Diff(events, w.trail.counts()); diff != "" {
			t.Errorf("%v: events (-want +got):\n%s", cause, diff)
		}
	}
}

func TestPhaseEndsWithItsTime(t *testing.T) {
	own := func(investigating, analyzing time.Duration) *v1alpha1.AnalysisTimeoutConfig {
		return &v1alpha1.AnalysisTimeoutConfig{
			InvestigatingTimeout: &metav1.Duration{Duration: investigating}, AnalyzingTimeout: &metav1.Duration{Duration: analyzing},
		}
	}
	for name, test := range map[string]struct {
		phase   v1alpha1.AIAnalysisPhase
		ago     time.Duration
		config  *v1alpha1.AnalysisTimeoutConfig
		expired string // in the message; empty means no
	}{
		"in time":             {v1alpha1.AIAnalysisInvestigating, 4 * time.Minute, nil, ""},
		"late":                {v1alpha1.AIAnalysisInvestigating, 6 * time.Minute, nil, "the phase Investigating took longer than 5m0s; the last error: it was down"},
		"own, in time":        {v1alpha1.AIAnalysisInvestigating, 6 * time.Minute, own(time.Hour, time.Second), ""},
		"own, late":           {v1alpha1.AIAnalysisInvestigating, 3 * time.Second, own(time.Second, time.Hour), "longer than 1s"},
		"analyzing, in time":  {v1alpha1.AIAnalysisAnalyzing, 30 * time.Second, nil, ""},
		"analyzing, late":     {v1alpha1.AIAnalysisAnalyzing, 2 * time.Minute, nil, "the phase Analyzing took longer than 1m0s"},
		"analyzing, own":      {v1alpha1.AIAnalysisAnalyzing, 2 * time.Minute, own(time.Second, time.Hour), ""},
		"analyzing, own late": {v1alpha1.AIAnalysisAnalyzing, 3 * time.Second, own(time.Hour, time.Second), "longer than 1s"},
		"pending, long":       {v1alpha1.AIAnalysisPending, time.Hour, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			object := at(test.phase, test.ago)
			object.Spec.TimeoutConfig, object.Status.Message = test.config, "it was down"
			w := newWorld(t, object, answer(good()))
			w.reconcile(t)
			got := w.status(t)
			if test.expired == "" {
				if got.Phase != v1alpha1.AIAnalysisCompleted {
					t.Errorf("got %+v, want Completed", got)
				}
				return
			}
			if got.Phase != v1alpha1.AIAnalysisFailed || got.SubReason != v1alpha1.SubReasonTransientError || !strings.Contains(got.Message, test.expired) {
				t.Errorf("got %+v, want Failed with TransientError and %q", got, test.expired)
			}
			want := map[string]int{string(test.phase) + "-Failed": 1, "aianalysis.error.occurred failure": 1, "aianalysis.analysis.failed failure": 1}
			if diff := cmp.Diff(want, w.trail.counts()); diff != "" || w.calls != 0 {
				t.Errorf("%d calls, want 0; events (-want +got):\n%s", w.calls, diff)
			}
		})
	}
}

// The last pause ends with the phase, and a call does not outlast it.
func TestPauseAndCallEndWithThePhase(t *testing.T) {
	object := at(v1alpha1.AIAnalysisInvestigating, 10*time.Second)
	object.Status.ConsecutiveFailures = 5
	object.Spec.TimeoutConfig = &v1alpha1.AnalysisTimeoutConfig{InvestigatingTimeout: &metav1.Duration{Duration: 12 * time.Second}}
	var limit time.Time
	w := newWorld(t, object, func(calling context.Context) (holmesgpt.Response, error) {
		limit, _ = calling.Deadline()
		return holmesgpt.Response{}, errors.New("down")
	})
	if result := w.reconcile(t); result.RequeueAfter <= 0 || result.RequeueAfter > 2*time.Second {
		t.Errorf("got a pause of %s, want the rest of the phase, at most 2s", result.RequeueAfter)
	}
	if left := limit.Sub(object.Status.PhaseStartedAt.Time); left <= 0 || left > 12*time.Second {
		t.Errorf("a call may last until %s after the phase's start, want 12s at most", left)
	}
}

func TestFailingPolicyIsAskedAgain(t *testing.T) {
	w := newWorld(t, analysis(), answer(good()))
	w.usePolicies(t, map[string]string{"approval.rego": "package aianalysis.approval\n\nrequire_approval := \"maybe\"\n"})
	for i := range 2 {
		if result := w.reconcile(t); result.RequeueAfter == 0 {
			t.Errorf("try %d: there is no other one", i+1)
		}
	}
	if got := w.status(t); got.Phase != v1alpha1.AIAnalysisAnalyzing || got.ConsecutiveFailures != 2 || !meta.IsStatusConditionFalse(got.Conditions, reconcile.ApprovalDecided) {
		t.Errorf("got %+v, want two failures in Analyzing", got)
	}
	w.usePolicies(t, nil)
	w.reconcile(t)
	want := once()
	want["aianalysis.rego.evaluation failure"] = 2
	if diff := cmp.Diff(want, w.trail.counts()); diff != "" || w.calls != 1 {
		t.Errorf("%d calls, want 1; events (-want +got):\n%s", w.calls, diff)
	}
}
