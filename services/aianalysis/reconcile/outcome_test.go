package reconcile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
)

func TestDecisionOrder(t *testing.T) {
	none := func(r *holmesgpt.Response) { r.SelectedWorkflow = nil }
	human := func(reason holmesgpt.HumanReviewReason) func(*holmesgpt.Response) {
		return func(r *holmesgpt.Response) { r.NeedsHumanReview, r.HumanReviewReason = true, reason }
	}
	refused := func(count int) func(*holmesgpt.Response) {
		return func(r *holmesgpt.Response) {
			r.ValidationAttemptsHistory = make([]holmesgpt.ValidationAttempt, count)
		}
	}
	confidence := func(value float64) func(*holmesgpt.Response) {
		return func(r *holmesgpt.Response) { r.Confidence = value }
	}
	all := func(changes ...func(*holmesgpt.Response)) []func(*holmesgpt.Response) { return changes }
	for name, test := range map[string]struct {
		changes   []func(*holmesgpt.Response)
		phase     v1alpha1.AIAnalysisPhase
		subReason v1alpha1.AnalysisSubReason
		review    string
	}{
		"workflow":                   {all(), v1alpha1.AIAnalysisCompleted, "", ""},
		"at the threshold":           {all(confidence(0.7)), v1alpha1.AIAnalysisCompleted, "", ""},
		"resolved":                   {all(none), v1alpha1.AIAnalysisCompleted, v1alpha1.SubReasonProblemResolved, ""},
		"resolved, at the threshold": {all(none, confidence(0.7)), v1alpha1.AIAnalysisCompleted, v1alpha1.SubReasonProblemResolved, ""},
		"resolved before a human":    {all(none, human("rca_incomplete")), v1alpha1.AIAnalysisCompleted, v1alpha1.SubReasonProblemResolved, ""},
		"human before no workflow":   {all(none, confidence(0), human("workflow_not_found")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonWorkflowNotFound, "workflow_not_found"},
		"no workflow":                {all(none, confidence(0.69)), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonNoMatchingWorkflows, "no_matching_workflows"},
		"low confidence":             {all(confidence(0.69)), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonLowConfidence, "low_confidence"},
		"workflow of low confidence": {all(func(r *holmesgpt.Response) { r.SelectedWorkflow.Confidence = 0.1 }), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonLowConfidence, "low_confidence"},
		"human before confidence":    {all(confidence(0.1), human("rca_incomplete")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonInconclusive, "rca_incomplete"},
		"human, sure workflow":       {all(human("investigation_inconclusive")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonInconclusive, "investigation_inconclusive"},
		"image":                      {all(none, confidence(0), human("image_mismatch"), refused(3)), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonImageMismatch, "image_mismatch"},
		"parameters":                 {all(none, confidence(0), human("parameter_validation_failed")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonParameterValidationFailed, "parameter_validation_failed"},
		"nothing fits":               {all(none, confidence(0), human("no_matching_workflows")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonNoMatchingWorkflows, "no_matching_workflows"},
		"not sure itself":            {all(none, confidence(0), human("low_confidence")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonLowConfidence, "low_confidence"},
		"unreadable":                 {all(none, confidence(0), human("llm_parsing_error"), refused(2)), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonLLMParsingError, "llm_parsing_error"},
		"unreadable three times":     {all(none, confidence(0), human("llm_parsing_error"), refused(3)), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonMaxRetriesExceeded, "llm_parsing_error"},
		"word of a later version":    {all(none, confidence(0), human("moon_phase")), v1alpha1.AIAnalysisFailed, v1alpha1.SubReasonInconclusive, "moon_phase"},
	} {
		t.Run(name, func(t *testing.T) {
			response := good()
			for _, change := range test.changes {
				change(&response)
			}
			w := newWorld(t, analysis(), answer(response))
			w.reconcile(t)
			got := w.status(t)
			want := []any{test.phase, test.subReason, test.review != "", test.review}
			if diff := cmp.Diff(want, []any{got.Phase, got.SubReason, got.NeedsHumanReview, got.HumanReviewReason}); diff != "" {
				t.Errorf("phase, sub-reason, review, its reason (-want +got):\n%s", diff)
			}
			if got.ApprovalRequired || got.CompletedAt == nil || got.Message == "" || len(got.ValidationAttemptsHistory) != len(response.ValidationAttemptsHistory) {
				t.Errorf("got %+v, want an end with a message, the whole history and no approval", got)
			}
			label := string(test.subReason)
			if label == "" {
				label = "none"
			}
			if value := w.metric(t, "kubernaut_aianalysis_analyses_total", string(test.phase), label); value != 1 {
				t.Errorf("analyses_total{%s,%s}: got %v, want 1", test.phase, label, value)
			}
		})
	}
}

func TestThresholdIsASetting(t *testing.T) {
	response := good()
	response.Confidence = 0.5
	w := newWorld(t, analysis(), answer(response))
	w.reconciler.Limits.Confidence = 0.5
	w.reconcile(t)
	if got := w.status(t); got.Phase != v1alpha1.AIAnalysisCompleted {
		t.Errorf("got %+v, want Completed", got)
	}
}

// Any answer fits into a status.
func TestHugeAnswerIsCut(t *testing.T) {
	response, huge := good(), strings.Repeat("é", 1<<20)
	response.RootCauseAnalysis.Summary, response.SelectedWorkflow.Rationale = huge, huge
	for range 1000 {
		response.Warnings = append(response.Warnings, huge)
		response.AlternativeWorkflows = append(response.AlternativeWorkflows, holmesgpt.AlternativeWorkflow{WorkflowID: "v", Rationale: huge})
	}
	w := newWorld(t, analysis(), answer(response))
	w.reconcile(t)
	got := w.status(t)
	if len(got.RootCause) != 8<<10 || len(got.SelectedWorkflow.Rationale) != 8<<10 || len(got.Warnings) != 32 || len(got.Warnings[0]) != 1<<10 || len(got.AlternativeWorkflows) > 32 {
		t.Errorf("got %d bytes of cause, %d of rationale, %d warnings and %d alternatives", len(got.RootCause), len(got.SelectedWorkflow.Rationale), len(got.Warnings), len(got.AlternativeWorkflows))
	}
}
