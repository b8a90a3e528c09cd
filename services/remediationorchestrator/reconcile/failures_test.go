package reconcile_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// end is how a request came out.
type end struct {
	Phase, FailurePhase v1alpha1.Phase
	Reason              string
	Review              bool
	Outcome             v1alpha1.Outcome
	Notification        bool // for a manual review
}

func (w *world) end() end {
	w.t.Helper()
	status := w.get().Status
	return end{
		status.OverallPhase, status.FailurePhase, status.FailureReason, status.RequiresManualReview, status.Outcome,
		w.exists("nr-manual-review-"+requestName, &v1alpha1.NotificationRequest{}),
	}
}

func failed(phase v1alpha1.Phase, reason string) end {
	return end{Phase: v1alpha1.Failed, FailurePhase: phase, Reason: reason}
}

func review(phase v1alpha1.Phase, reason string) end {
	return end{v1alpha1.Failed, phase, reason, true, v1alpha1.ManualReviewRequired, true}
}

func TestEnds(t *testing.T) {
	for name, test := range map[string]struct {
		play func(*world)
		want end
	}{
		"signal processing fails": {func(w *world) {
			w.process(func(s *v1alpha1.SignalProcessingStatus) { s.Phase = v1alpha1.SignalProcessingFailed })
		}, failed(v1alpha1.Processing, "SignalProcessingFailed")},
		"analysis fails": {func(w *world) {
			w.process(nil)
			w.analyze(func(s *v1alpha1.AIAnalysisStatus) {
				*s = v1alpha1.AIAnalysisStatus{Phase: v1alpha1.AIAnalysisFailed, SubReason: v1alpha1.SubReasonPermanentError}
			})
		}, failed(v1alpha1.Analyzing, "PermanentError")},
		"analysis wants a human": {func(w *world) {
			w.process(nil)
			w.analyze(func(s *v1alpha1.AIAnalysisStatus) {
				*s = v1alpha1.AIAnalysisStatus{Phase: v1alpha1.AIAnalysisFailed, SubReason: v1alpha1.SubReasonLowConfidence, NeedsHumanReview: true}
			})
		}, review(v1alpha1.Analyzing, "LowConfidence")},
		"analysis completes but wants a human": {func(w *world) {
			w.process(nil)
			w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.NeedsHumanReview = true })
		}, review(v1alpha1.Analyzing, "HumanReviewNeeded")},
		"analysis completes without a workflow": {func(w *world) {
			w.process(nil)
			w.analyze(func(s *v1alpha1.AIAnalysisStatus) { s.SelectedWorkflow = nil })
		}, review(v1alpha1.Analyzing, "NoWorkflowSelected")},
		"problem is gone": {func(w *world) {
			w.process(nil)
			w.analyze(func(s *v1alpha1.AIAnalysisStatus) {
				s.SelectedWorkflow, s.SubReason = nil, v1alpha1.SubReasonProblemResolved
			})
		}, end{Phase: v1alpha1.Completed, Outcome: v1alpha1.NoActionRequired}},
		"workflow fails on the target": {func(w *world) {
			w.process(nil)
			w.analyze(nil)
			w.execute(func(s *v1alpha1.WorkflowExecutionStatus) {
				s.Phase, s.FailureReason = v1alpha1.WorkflowExecutionFailed, v1alpha1.FailureTaskFailed
				s.FailureDetails = &v1alpha1.FailureDetails{Reason: s.FailureReason, WasExecutionFailure: true}
			})
		}, review(v1alpha1.Executing, "TaskFailed")},
		"workflow never touches the target": {func(w *world) {
			w.process(nil)
			w.analyze(nil)
			w.execute(func(s *v1alpha1.WorkflowExecutionStatus) {
				s.Phase, s.FailureReason = v1alpha1.WorkflowExecutionFailed, v1alpha1.FailureImagePullBackOff
				s.FailureDetails = &v1alpha1.FailureDetails{Reason: s.FailureReason}
			})
		}, failed(v1alpha1.Executing, "ImagePullBackOff")},
		"workflow fails and does not say why": {func(w *world) {
			w.process(nil)
			w.analyze(nil)
			w.execute(func(s *v1alpha1.WorkflowExecutionStatus) { s.Phase = v1alpha1.WorkflowExecutionFailed })
		}, review(v1alpha1.Executing, "Unknown")},
		"signal processing is deleted": {func(w *world) {
			w.remove(&v1alpha1.SignalProcessing{ObjectMeta: metav1.ObjectMeta{Name: "sp-" + requestName, Namespace: namespace}})
		}, failed(v1alpha1.Processing, "SignalProcessingDeleted")},
		"execution is deleted": {func(w *world) {
			w.process(nil)
			w.analyze(nil)
			w.remove(&v1alpha1.WorkflowExecution{ObjectMeta: metav1.ObjectMeta{Name: "we-" + requestName, Namespace: namespace}})
		}, review(v1alpha1.Executing, "WorkflowExecutionDeleted")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, interceptor.Funcs{})
			w.start()
			test.play(w)
			if diff := cmp.Diff(test.want, w.end()); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
			ended := "lifecycle.failed"
			if test.want.Phase == v1alpha1.Completed {
				ended = "lifecycle.completed"
			}
			if types := w.types(); types[len(types)-1] != ended {
				t.Errorf("last audit event: got %v, want %s", types, ended)
			}
		})
	}
}

func (w *world) remove(object client.Object) {
	w.t.Helper()
	if err := w.client.Delete(context.Background(), object); err != nil {
		w.t.Fatal(err)
	}
	w.run()
}

func TestRefusedChildFailsTheRequest(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, object client.Object, opts ...client.CreateOption) error {
		if _, ok := object.(*v1alpha1.WorkflowExecution); ok {
			return apierrors.NewInvalid(schema.GroupKind{Kind: v1alpha1.WorkflowExecutionKind}, object.GetName(), nil)
		}
		return c.Create(ctx, object, opts...)
	}})
	w.start()
	w.process(nil)
	w.analyze(nil)
	if diff := cmp.Diff(review(v1alpha1.Analyzing, "WorkflowExecutionRefused"), w.end()); diff != "" {
		t.Errorf("end (-want +got):\n%s", diff)
	}
}

func TestTimeouts(t *testing.T) {
	second := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Second} }
	processing := func(*world) {}
	analyzing := func(w *world) { w.process(nil) }
	executing := func(w *world) { w.process(nil); w.analyze(nil) }
	for name, test := range map[string]struct {
		play func(*world)
		own  *v1alpha1.TimeoutConfig
		wait time.Duration
		want v1alpha1.Phase // that timed out; empty for none
	}{
		"processing in time":           {processing, nil, 5*time.Minute - time.Second, ""},
		"processing":                   {processing, nil, 5 * time.Minute, v1alpha1.Processing},
		"analyzing in time":            {analyzing, nil, 10*time.Minute - time.Second, ""},
		"analyzing":                    {analyzing, nil, 10 * time.Minute, v1alpha1.Analyzing},
		"executing in time":            {executing, nil, 30*time.Minute - time.Second, ""},
		"executing":                    {executing, nil, 30 * time.Minute, v1alpha1.Executing},
		"own limit of the phase":       {processing, &v1alpha1.TimeoutConfig{Processing: second(2)}, 2 * time.Second, v1alpha1.Processing},
		"own limit is longer":          {processing, &v1alpha1.TimeoutConfig{Processing: second(600)}, 6 * time.Minute, ""},
		"own limit of another phase":   {executing, &v1alpha1.TimeoutConfig{Processing: second(2)}, time.Minute, ""},
		"own limit of the whole":       {executing, &v1alpha1.TimeoutConfig{Global: second(60)}, time.Minute, v1alpha1.Executing},
		"own limit of zero is no such": {processing, &v1alpha1.TimeoutConfig{Processing: second(0)}, time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, interceptor.Funcs{})
			w.start()
			test.play(w)
			request := w.get()
			request.Status.TimeoutConfig = test.own
			w.write(request)
			w.clock = w.clock.Add(test.wait)
			got := w.run().Status
			if got.TimeoutPhase != test.want || (got.OverallPhase == v1alpha1.TimedOut) != (test.want != "") {
				t.Errorf("got %s and timeout phase %q, want %q", got.OverallPhase, got.TimeoutPhase, test.want)
			}
			if got.RequiresManualReview != (test.want == v1alpha1.Executing) {
				t.Errorf("manual review: got %t; only a workflow that may still run needs one", got.RequiresManualReview)
			}
		})
	}
}

func TestResultCountsEvenWhenItIsLate(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.start()
	w.process(nil)
	w.analyze(nil)
	w.clock = w.clock.Add(2 * time.Hour)
	if got := w.execute(nil).Status; got.OverallPhase != v1alpha1.Completed {
		t.Errorf("got %s, want Completed", got.OverallPhase)
	}
}

func TestReconcileComesBackForTheTimeLimit(t *testing.T) {
	w := newWorld(t, interceptor.Funcs{})
	w.start()
	result, err := w.reconcile()
	if want := 5 * time.Minute; err != nil || result.RequeueAfter != want {
		t.Errorf("got %s and error %v, want %s", result.RequeueAfter, err, want)
	}
}
