package children_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/children"
)

func request() *v1alpha1.RemediationRequest {
	return &v1alpha1.RemediationRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "rr-1", Namespace: "kubernaut-system", UID: "u"},
		Spec: v1alpha1.RemediationRequestSpec{
			SignalFingerprint: strings.Repeat("a", 64), SignalName: "OOMKilled", Severity: "page", SignalType: v1alpha1.PrometheusAlert,
			TargetType: v1alpha1.KubernetesTarget, TargetResource: v1alpha1.TargetResource{Kind: "Deployment", Name: "web", Namespace: "shop"},
			SignalLabels: map[string]string{"team": "a"}, SignalAnnotations: map[string]string{"summary": "out of memory", "description": "three times", "runbook": "x"},
			ProviderData: "{}",
		},
	}
}

func analysis() *v1alpha1.AIAnalysis {
	return &v1alpha1.AIAnalysis{
		ObjectMeta: metav1.ObjectMeta{Name: "ai-rr-1", Namespace: "kubernaut-system", UID: "v"},
		Spec: v1alpha1.AIAnalysisSpec{AnalysisRequest: v1alpha1.AnalysisRequest{
			SignalContext: v1alpha1.SignalContext{BusinessPriority: "P0"},
		}},
		Status: v1alpha1.AIAnalysisStatus{
			RootCause: "a leak", ApprovalReason: "production",
			RootCauseAnalysis: &v1alpha1.RootCauseAnalysis{ContributingFactors: []string{"load"}},
			SelectedWorkflow: &v1alpha1.SelectedWorkflow{
				WorkflowID: "workflow-1", Version: "1.0.0", ContainerImage: "registry/w", ContainerDigest: "sha256:" + strings.Repeat("b", 64), Confidence: 0.7,
				Parameters: map[string]string{"MEMORY": "128Mi"}, Rationale: "more memory helps",
			},
		},
	}
}

func reference() v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{
		APIVersion: "kubernaut.ai/v1alpha1", Kind: "RemediationRequest", Name: "rr-1", Namespace: "kubernaut-system", UID: "u",
	}
}

func TestSignalProcessingCopiesTheSignal(t *testing.T) {
	of := request()
	got := children.SignalProcessing(of)
	want := v1alpha1.SignalProcessingSpec{RemediationRequestRef: reference(), Signal: v1alpha1.Signal{
		Fingerprint: of.Spec.SignalFingerprint, Name: "OOMKilled", Severity: "page", Type: v1alpha1.PrometheusAlert, TargetType: v1alpha1.KubernetesTarget,
		TargetResource: of.Spec.TargetResource, Labels: of.Spec.SignalLabels, Annotations: of.Spec.SignalAnnotations,
		FiringTime: &of.Spec.FiringTime, ReceivedTime: &of.Spec.ReceivedTime, ProviderData: "{}",
	}}
	if diff := cmp.Diff(want, got.Spec); diff != "" || got.Name != "sp-rr-1" {
		t.Errorf("%s (-want +got):\n%s", got.Name, diff)
	}
}

func TestAIAnalysisCarriesWhatWasFound(t *testing.T) {
	found := v1alpha1.SignalProcessingStatus{
		Severity:                  "critical",
		EnvironmentClassification: &v1alpha1.EnvironmentClassification{Environment: "staging"},
		PriorityAssignment:        &v1alpha1.PriorityAssignment{Priority: "P2"},
		KubernetesContext:         &v1alpha1.KubernetesContext{DegradedMode: true},
		BusinessClassification:    &v1alpha1.BusinessClassification{BusinessUnit: "shop"},
	}
	for name, test := range map[string]struct {
		status v1alpha1.SignalProcessingStatus
		want   v1alpha1.SignalContext
	}{
		"all": {found, v1alpha1.SignalContext{
			Severity: "critical", Environment: "staging", BusinessPriority: "P2",
			EnrichmentResults: &v1alpha1.EnrichmentResults{KubernetesContext: found.KubernetesContext, BusinessClassification: found.BusinessClassification},
		}},
		"nothing": {v1alpha1.SignalProcessingStatus{}, v1alpha1.SignalContext{Severity: "unknown", Environment: "unknown", BusinessPriority: "P3"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Fingerprint, test.want.SignalType = strings.Repeat("a", 64), "OOMKilled"
			test.want.TargetResource, test.want.Message = request().Spec.TargetResource, "out of memory\nthree times"
			want := v1alpha1.AIAnalysisSpec{RemediationRequestRef: reference(), RemediationID: "rr-1", AnalysisRequest: v1alpha1.AnalysisRequest{SignalContext: test.want}}
			got := children.AIAnalysis(request(), &v1alpha1.SignalProcessing{Status: test.status})
			if diff := cmp.Diff(want, got.Spec); diff != "" || got.Name != "ai-rr-1" {
				t.Errorf("%s (-want +got):\n%s", got.Name, diff)
			}
		})
	}
}

func TestWorkflowExecutionRunsTheSelectedWorkflow(t *testing.T) {
	got := children.WorkflowExecution(request(), analysis(), time.Minute)
	want := v1alpha1.WorkflowExecutionSpec{
		RemediationRequestRef: reference(),
		WorkflowRef: v1alpha1.WorkflowRef{
			WorkflowID: "workflow-1", Version: "1.0.0", ContainerImage: "registry/w", ContainerDigest: "sha256:" + strings.Repeat("b", 64),
		},
		TargetResource: "shop/Deployment/web", Parameters: map[string]v1alpha1.ParameterValue{"MEMORY": "128Mi"}, Confidence: 0.7,
		Rationale: "more memory helps", ExecutionConfig: &v1alpha1.ExecutionConfig{Timeout: &metav1.Duration{Duration: time.Minute}}, ExecutionEngine: "job",
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" || got.Name != "we-rr-1" {
		t.Errorf("%s (-want +got):\n%s", got.Name, diff)
	}
}

func TestTarget(t *testing.T) {
	for _, test := range []struct {
		resource v1alpha1.TargetResource
		want     string
	}{
		{v1alpha1.TargetResource{Kind: "Pod", Name: "web-1", Namespace: "shop"}, "shop/Pod/web-1"},
		{v1alpha1.TargetResource{Kind: "Node", Name: "worker"}, "Node/worker"},
	} {
		if got := children.Target(test.resource); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestApprovalRequestHoldsWhatAHumanNeeds(t *testing.T) {
	by := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	got := children.ApprovalRequest(request(), analysis(), by)
	want := v1alpha1.RemediationApprovalRequestSpec{
		RemediationRequestRef: reference(),
		AIAnalysisRef:         v1alpha1.ObjectReference{APIVersion: "kubernaut.ai/v1alpha1", Kind: "AIAnalysis", Name: "ai-rr-1", Namespace: "kubernaut-system", UID: "v"},
		Confidence:            0.7, ConfidenceLevel: v1alpha1.MediumConfidence, Reason: "production",
		RecommendedWorkflow: v1alpha1.RecommendedWorkflow{
			WorkflowID: "workflow-1", Version: "1.0.0", ContainerImage: "registry/w", Rationale: "more memory helps",
		},
		InvestigationSummary: "a leak", EvidenceCollected: []string{"load"}, WhyApprovalRequired: "production",
		RecommendedActions: []v1alpha1.RecommendedAction{{Action: "run workflow workflow-1 on shop/Deployment/web", Rationale: "more memory helps"}},
		PolicyEvaluation:   &v1alpha1.PolicyEvaluation{PolicyName: "aianalysis.approval", Decision: "require_approval"},
		RequiredBy:         metav1.NewTime(by),
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" || got.Name != "rar-rr-1" {
		t.Errorf("%s (-want +got):\n%s", got.Name, diff)
	}
}

func TestConfidenceLevels(t *testing.T) {
	for confidence, want := range map[float64]v1alpha1.ConfidenceLevel{0.59: "low", 0.6: "medium", 0.79: "medium", 0.8: "high"} {
		of := analysis()
		of.Status.SelectedWorkflow.Confidence = confidence
		if got := children.ApprovalRequest(request(), of, time.Time{}).Spec.ConfidenceLevel; got != want {
			t.Errorf("%v: got %s, want %s", confidence, got, want)
		}
	}
}

func TestNotifications(t *testing.T) {
	approval := children.ApprovalRequest(request(), analysis(), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
	many := request()
	many.Status.Deduplication = &v1alpha1.Deduplication{OccurrenceCount: 3}
	execution := children.WorkflowExecution(request(), analysis(), time.Minute)
	execution.Status.Duration = "4s"
	for _, test := range []struct {
		got      *v1alpha1.NotificationRequest
		name     string
		kind     v1alpha1.NotificationType
		priority v1alpha1.NotificationPriority
		subject  string
		body     []string
	}{
		{
			children.ApprovalNotification(request(), analysis(), approval), "nr-approval-rr-1", v1alpha1.ApprovalNeeded, v1alpha1.PriorityCritical,
			"Approval needed: OOMKilled on shop/Deployment/web",
			[]string{"a leak", "workflow-1", "production", "2026-03-01T10:00:00Z", "kubectl patch remediationapprovalrequest rar-rr-1 -n kubernaut-system"},
		},
		{
			children.ManualReview(request(), v1alpha1.Analyzing, "LowConfidence", "not sure"), "nr-manual-review-rr-1", v1alpha1.ManualReviewNeeded,
			v1alpha1.PriorityHigh, "Manual review needed: OOMKilled on shop/Deployment/web", []string{"Analyzing", "LowConfidence", "not sure"},
		},
		{
			children.Completion(many, execution), "nr-completion-rr-1", v1alpha1.StatusUpdate, v1alpha1.PriorityLow,
			"Remediated: OOMKilled on shop/Deployment/web", []string{"workflow-1", "4s", "3 times"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := test.got.Spec
			got := []string{test.got.Name, string(spec.Type), string(spec.Priority), spec.Subject, spec.RemediationRequestRef.Name}
			want := []string{test.name, string(test.kind), string(test.priority), test.subject, "rr-1"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("notification (-want +got):\n%s", diff)
			}
			for _, part := range test.body {
				if !strings.Contains(spec.Body, part) {
					t.Errorf("body %q does not hold %q", spec.Body, part)
				}
			}
		})
	}
}

func TestLongTextsAreCutToTheSchema(t *testing.T) {
	of := request()
	of.Spec.SignalAnnotations["summary"] = strings.Repeat("ü", 9000)
	of.Spec.SignalName, of.Spec.TargetResource.Name = strings.Repeat("a", 253), strings.Repeat("b", 253)
	long := analysis()
	long.Status.SelectedWorkflow.Rationale, long.Status.ApprovalReason = strings.Repeat("ü", 9000), strings.Repeat("ü", 9000)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"message":   {children.AIAnalysis(of, &v1alpha1.SignalProcessing{}).Spec.AnalysisRequest.SignalContext.Message, 8192},
		"rationale": {children.WorkflowExecution(of, long, time.Minute).Spec.Rationale, 8192},
		"reason":    {children.ApprovalRequest(of, long, time.Time{}).Spec.Reason, 2048},
		"subject":   {children.ManualReview(of, v1alpha1.Analyzing, "r", "m").Spec.Subject, 500},
	} {
		if got := utf8.RuneCountInString(test.text); got != test.want || !utf8.ValidString(test.text) {
			t.Errorf("%s: got %d characters, want %d valid ones", name, got, test.want)
		}
	}
}
