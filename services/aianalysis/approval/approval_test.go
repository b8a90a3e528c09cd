package approval_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/aianalysis/approval"
	"github.com/kubernaut/kubernaut/services/aianalysis/deploy"
	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/policy"
	"github.com/kubernaut/kubernaut/services/internal/policytest"
)

// approver asks the delivered policy, or text when it is not empty.
func approver(t *testing.T, text string) (approval.Approver, *policy.Set) {
	t.Helper()
	files, err := deploy.Policies()
	if err != nil {
		t.Fatal(err)
	}
	var replaced map[string]string
	if text != "" {
		replaced = map[string]string{"approval.rego": text}
	}
	set := policytest.Open(t, files, approval.Packages(), replaced)
	return approval.Approver{Policies: set}, set
}

func analysis(environment string) *v1alpha1.AIAnalysis {
	inChain := true
	return &v1alpha1.AIAnalysis{
		ObjectMeta: metav1.ObjectMeta{Name: "ai-1"},
		Spec: v1alpha1.AIAnalysisSpec{AnalysisRequest: v1alpha1.AnalysisRequest{SignalContext: v1alpha1.SignalContext{
			Environment: environment, Severity: "high", SignalType: "OOMKilled", BusinessPriority: "P1",
			TargetResource: v1alpha1.TargetResource{Kind: "Deployment", Name: "shop", Namespace: "apps"},
			EnrichmentResults: &v1alpha1.EnrichmentResults{KubernetesContext: &v1alpha1.KubernetesContext{
				DetectedLabels: &v1alpha1.DetectedLabels{HasPDB: true}, CustomLabels: map[string]string{"team": "a"},
			}},
		}}},
		Status: v1alpha1.AIAnalysisStatus{
			TargetInOwnerChain: &inChain,
			RootCauseAnalysis:  &v1alpha1.RootCauseAnalysis{Summary: "s", Severity: "high", SignalType: "OOMKilled"},
			SelectedWorkflow:   &v1alpha1.SelectedWorkflow{WorkflowID: "w", Version: "1", ContainerImage: "i", Confidence: 0.9},
		},
	}
}

func detected(object *v1alpha1.AIAnalysis) *v1alpha1.DetectedLabels {
	return object.Spec.AnalysisRequest.SignalContext.EnrichmentResults.KubernetesContext.DetectedLabels
}

// Each row of production keeps the causes of the rows below, so that their order is tested, too.
func TestDeliveredPolicy(t *testing.T) {
	stateful := func(o *v1alpha1.AIAnalysis) { detected(o).Stateful = true }
	warned := func(o *v1alpha1.AIAnalysis) { stateful(o); o.Status.Warnings = []string{"w1", "w2"} }
	undetected := func(o *v1alpha1.AIAnalysis) { warned(o); detected(o).FailedDetections = []string{"hasPDB"} }
	foreign := func(o *v1alpha1.AIAnalysis) { undetected(o); o.Status.TargetInOwnerChain = nil }
	recovery := func(attempt int32) func(*v1alpha1.AIAnalysis) {
		return func(o *v1alpha1.AIAnalysis) {
			foreign(o)
			o.Spec.IsRecoveryAttempt, o.Spec.RecoveryAttemptNumber = true, attempt
		}
	}
	for name, test := range map[string]struct {
		environment string
		change      func(*v1alpha1.AIAnalysis)
		required    bool
		reason      string
	}{
		"staging":                   {"staging", func(*v1alpha1.AIAnalysis) {}, false, "Auto-approved"},
		"staging, second recovery":  {"staging", recovery(2), false, "Auto-approved"},
		"staging, third recovery":   {"staging", recovery(3), true, "Recovery attempt 3: earlier workflows did not help"},
		"production":                {"production", func(*v1alpha1.AIAnalysis) {}, true, "Production target"},
		"Production":                {"Production", func(*v1alpha1.AIAnalysis) {}, true, "Production target"},
		"production, stateful":      {"production", stateful, true, "Production target that is stateful"},
		"production, warned":        {"production", warned, true, "Production target with warnings: w1; w2"},
		"production, undetected":    {"production", undetected, true, "Production target with failed detections: hasPDB"},
		"production, foreign":       {"production", foreign, true, "Production target that is not among the signal's owners"},
		"production, fifth attempt": {"production", recovery(5), true, "Recovery attempt 5: earlier workflows did not help"},
		"production, nothing known": {"production", func(o *v1alpha1.AIAnalysis) {
			o.Spec.AnalysisRequest.SignalContext.EnrichmentResults = nil
		}, true, "Production target"},
	} {
		t.Run(name, func(t *testing.T) {
			object := analysis(test.environment)
			test.change(object)
			a, set := approver(t, "")
			got, err := a.Decide(t.Context(), object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(approval.Decision{Required: test.required, Reason: test.reason, PolicyHash: set.Hash()}, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

// A user's policy may look at everything that the input says.
func TestInput(t *testing.T) {
	object := analysis("staging")
	object.Spec.AnalysisRequest.SignalContext.TargetResource.Kind = "StatefulSet"
	want := approval.Input{
		Environment: "staging", Severity: "high", SignalType: "OOMKilled", BusinessPriority: "P1",
		TargetResource: v1alpha1.TargetResource{Kind: "StatefulSet", Name: "shop", Namespace: "apps"},
		Confidence:     0.9, Workflow: approval.Workflow{ID: "w", Version: "1", ContainerImage: "i", Parameters: map[string]string{}},
		RootCause:          map[string]string{"summary": "s", "severity": "high", "signal_type": "OOMKilled"},
		TargetInOwnerChain: true, Warnings: []string{}, DetectedLabels: v1alpha1.DetectedLabels{HasPDB: true},
		CustomLabels: map[string]string{"team": "a"}, FailedDetections: []string{}, Stateful: true,
	}
	if diff := cmp.Diff(want, approval.NewInput(object)); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestPolicyOfOnesOwn(t *testing.T) {
	const head = "package aianalysis.approval\n\n"
	for name, test := range map[string]struct {
		text, wantReason, wantError string
	}{
		"good":                {"require_approval := input.confidence < 0.95\nreason := sprintf(\"%s of %s\", [input.workflow.id, input.custom_labels.team])", "w of a", ""},
		"no answer":           {"reason := \"r\"", "", `rule "require_approval" is <nil>`},
		"text for a boolean":  {"require_approval := \"yes\"\nreason := \"r\"", "", `rule "require_approval" is yes`},
		"empty reason":        {"require_approval := true\nreason := \"\"", "", `rule "reason"`},
		"number for a reason": {"require_approval := true\nreason := 1", "", `rule "reason" is 1`},
		"conflict":            {"require_approval := true\nreason := r if some r in [\"a\", \"b\"]", "", "evaluating policy"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := approver(t, head+test.text)
			got, err := a.Decide(t.Context(), analysis("staging"))
			if test.wantError != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantError) {
					t.Errorf("got error %v, want %s", err, test.wantError)
				}
				return
			}
			if err != nil || !got.Required || got.Reason != test.wantReason {
				t.Errorf("got %+v and error %v, want an approval for %q", got, err, test.wantReason)
			}
		})
	}
}
