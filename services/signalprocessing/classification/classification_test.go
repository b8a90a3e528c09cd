package classification_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/policy"
	"github.com/kubernaut/kubernaut/services/internal/policytest"
	"github.com/kubernaut/kubernaut/services/signalprocessing/classification"
	"github.com/kubernaut/kubernaut/services/signalprocessing/deploy"
)

func TestSeverity(t *testing.T) {
	classifier := delivered(t)
	for _, row := range []struct {
		want  string
		words []string
	}{
		{"critical", []string{"critical", "Critical", " CRITICAL ", "crit", "page", "emergency", "fatal", "p0", "P1", "sev1", "alert", "disaster"}},
		{"high", []string{"high", "error", "major", "p2", "Sev2"}},
		{"medium", []string{"medium", "moderate", "warning", "Warning", "warn", "p3", "sev3"}},
		{"low", []string{"low", "info", "minor", "none", "Normal", "notice", "debug", "p4", "p5"}},
		{"unknown", []string{"unknown", "?", "hig", "critical!", "🔥"}},
	} {
		for _, word := range row.words {
			verdict, err := classifier.Classify(t.Context(), signal("apps", word), v1alpha1.SignalProcessingStatus{})
			if err != nil || verdict.Severity != row.want {
				t.Errorf("%q: got %q and error %v, want %q", word, verdict.Severity, err, row.want)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	classifier := delivered(t)
	const key = "kubernaut.ai/environment"
	for name, test := range map[string]struct {
		namespace string
		labels    map[string]string
		want      [2]string // environment, source
	}{
		"label":                   {"apps", map[string]string{key: "production"}, [2]string{"production", "namespace-labels"}},
		"label in capitals":       {"apps", map[string]string{key: "Staging"}, [2]string{"staging", "namespace-labels"}},
		"label of one's own":      {"apps", map[string]string{key: "canary"}, [2]string{"canary", "namespace-labels"}},
		"label beats name":        {"prod-apps", map[string]string{key: "development"}, [2]string{"development", "namespace-labels"}},
		"empty label":             {"prod-apps", map[string]string{key: ""}, [2]string{"production", "namespace-name"}},
		"whole name":              {"production", nil, [2]string{"production", "namespace-name"}},
		"word at the end":         {"shop-stg", nil, [2]string{"staging", "namespace-name"}},
		"word in the middle":      {"shop-dev-eu", map[string]string{"team": "a"}, [2]string{"development", "namespace-name"}},
		"test":                    {"qa", nil, [2]string{"test", "namespace-name"}},
		"same environment twice":  {"prod-production", nil, [2]string{"production", "namespace-name"}},
		"two environments":        {"staging-of-production", nil, [2]string{"unknown", "default"}},
		"part of a word":          {"producers", nil, [2]string{"unknown", "default"}},
		"name that tells nothing": {"apps", nil, [2]string{"unknown", "default"}},
		"no namespace":            {"", nil, [2]string{"unknown", "default"}},
	} {
		t.Run(name, func(t *testing.T) {
			verdict, err := classifier.Classify(t.Context(), signal(test.namespace, "critical"), found(test.namespace, test.labels))
			if err != nil {
				t.Fatal(err)
			}
			got := [2]string{verdict.Environment.Environment, verdict.Environment.Source}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("environment and source (-want +got):\n%s", diff)
			}
		})
	}
}

// A target that could not be read leaves the namespace's name.
func TestEnvironmentOfAnUnreadNamespace(t *testing.T) {
	for name, context := range map[string]*v1alpha1.KubernetesContext{"nothing read": nil, "degraded": {DegradedMode: true}} {
		verdict, err := delivered(t).Classify(t.Context(), signal("shop-prod", "page"), v1alpha1.SignalProcessingStatus{KubernetesContext: context})
		if err != nil || verdict.Environment.Environment != "production" || verdict.Priority.Priority != "P0" {
			t.Errorf("%s: got %+v and error %v, want production and P0", name, verdict, err)
		}
	}
}

func TestPriority(t *testing.T) {
	classifier := delivered(t)
	for _, row := range []struct {
		environment, severity string
		want                  v1alpha1.PriorityAssignment
	}{
		{"production", "critical", v1alpha1.PriorityAssignment{Priority: "P0", Source: "policy", PolicyName: "production-critical"}},
		{"production", "page", v1alpha1.PriorityAssignment{Priority: "P0", Source: "policy", PolicyName: "production-critical"}},
		{"production", "warning", v1alpha1.PriorityAssignment{Priority: "P1", Source: "policy", PolicyName: "production-warning"}},
		{"production", "error", v1alpha1.PriorityAssignment{Priority: "P1", Source: "policy", PolicyName: "production-warning"}},
		{"production", "info", v1alpha1.PriorityAssignment{Priority: "P3", Source: "default", PolicyName: "default"}},
		{"production", "?", v1alpha1.PriorityAssignment{Priority: "P3", Source: "default", PolicyName: "default"}},
		{"staging", "critical", v1alpha1.PriorityAssignment{Priority: "P2", Source: "policy", PolicyName: "staging-critical"}},
		{"staging", "warning", v1alpha1.PriorityAssignment{Priority: "P3", Source: "default", PolicyName: "default"}},
		{"development", "critical", v1alpha1.PriorityAssignment{Priority: "P3", Source: "policy", PolicyName: "development"}},
		{"development", "?", v1alpha1.PriorityAssignment{Priority: "P3", Source: "policy", PolicyName: "development"}},
		{"test", "critical", v1alpha1.PriorityAssignment{Priority: "P3", Source: "default", PolicyName: "default"}},
		{"", "critical", v1alpha1.PriorityAssignment{Priority: "P3", Source: "default", PolicyName: "default"}},
	} {
		labels := map[string]string{"kubernaut.ai/environment": row.environment}
		verdict, err := classifier.Classify(t.Context(), signal("apps", row.severity), found("apps", labels))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, verdict.Priority); diff != "" {
			t.Errorf("%s and %s (-want +got):\n%s", row.environment, row.severity, diff)
		}
	}
}

func TestBusiness(t *testing.T) {
	classifier := delivered(t)
	for name, test := range map[string]struct {
		priority string
		labels   map[string]string
		want     v1alpha1.BusinessClassification
	}{
		"by priority P0":  {"P0", nil, v1alpha1.BusinessClassification{Criticality: "critical", SLARequirement: "15m"}},
		"by priority P1":  {"P1", nil, v1alpha1.BusinessClassification{Criticality: "high", SLARequirement: "1h"}},
		"by priority P2":  {"P2", nil, v1alpha1.BusinessClassification{Criticality: "medium", SLARequirement: "4h"}},
		"by priority P3":  {"P3", nil, v1alpha1.BusinessClassification{Criticality: "low", SLARequirement: "24h"}},
		"nothing decided": {"", nil, v1alpha1.BusinessClassification{}},
		"by labels": {"P3", map[string]string{
			"kubernaut.ai/business-unit": "retail", "kubernaut.ai/service-owner": "checkout", "kubernaut.ai/criticality": "high", "kubernaut.ai/sla": "30m",
		}, v1alpha1.BusinessClassification{BusinessUnit: "retail", ServiceOwner: "checkout", Criticality: "high", SLARequirement: "30m"}},
		"empty labels": {"P1", map[string]string{"kubernaut.ai/criticality": "", "kubernaut.ai/business-unit": ""},
			v1alpha1.BusinessClassification{Criticality: "high", SLARequirement: "1h"}},
	} {
		t.Run(name, func(t *testing.T) {
			status := found("apps", test.labels)
			status.PriorityAssignment = &v1alpha1.PriorityAssignment{Priority: test.priority}
			got, hash, err := classifier.Business(t.Context(), signal("apps", "critical"), status)
			if err != nil || hash == "" {
				t.Fatalf("got hash %q and error %v", hash, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("classification (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCustomLabels(t *testing.T) {
	status := found("apps", map[string]string{"custom.kubernaut.ai/team": "of-namespace", "custom.kubernaut.ai/region": "eu", "other": "x"})
	status.KubernetesContext.Deployment = &v1alpha1.WorkloadContext{Labels: map[string]string{"custom.kubernaut.ai/team": "of-deployment", "custom.kubernaut.ai/tier": "web"}}
	status.KubernetesContext.Pod = &v1alpha1.PodContext{Labels: map[string]string{"custom.kubernaut.ai/team": "of-pod", "app": "shop"}}
	got, err := delivered(t).CustomLabels(t.Context(), signal("apps", "critical"), status)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"team": "of-pod", "region": "eu", "tier": "web"}, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	none, err := delivered(t).CustomLabels(t.Context(), signal("apps", "critical"), v1alpha1.SignalProcessingStatus{})
	if none != nil || err != nil {
		t.Errorf("without a context: got %v and error %v, want none", none, err)
	}
}

// Each policy is compiled without complaint and answers what the platform cannot take.
func TestAnswersThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"severity off the scale":  {"severity.rego", "package signalprocessing.severity\n\nseverity := \"terrible\"\n", `rule "severity" is "terrible", want one of critical, high`},
		"severity undefined":      {"severity.rego", "package signalprocessing.severity\n", `rule "severity" is undefined`},
		"severity is a number":    {"severity.rego", "package signalprocessing.severity\n\nseverity := 1\n", `rule "severity" is 1, want a text`},
		"no environment":          {"environment.rego", "package signalprocessing.environment\n\nsource := \"mine\"\n", `rule "environment" is undefined`},
		"environment of nowhere":  {"environment.rego", "package signalprocessing.environment\n\nenvironment := \"production\"\n", `rule "source" is undefined`},
		"priority off the scale":  {"priority.rego", "package signalprocessing.priority\n\npriority := \"P4\"\n\nsource := \"mine\"\n", `want one of P0, P1, P2, P3`},
		"two priorities":          {"priority.rego", "package signalprocessing.priority\n\npriority := \"P0\" if true\n\npriority := \"P1\" if true\n", "conflict"},
		"owner is a list":         {"business.rego", "package signalprocessing.business\n\nservice_owner := [\"a\"]\n", `rule "service_owner" is [a], want a text`},
		"custom labels are a set": {"customlabels.rego", "package signalprocessing.customlabels\n\nlabels := {\"a\"}\n", `want an object of texts`},
		"custom label is true":    {"customlabels.rego", "package signalprocessing.customlabels\n\nlabels := {\"a\": true}\n", `has true under "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			classifier := with(t, map[string]string{test.file: test.text})
			spec, status := signal("apps", "critical"), found("apps", nil)
			_, verdict := classifier.Classify(t.Context(), spec, status)
			_, _, business := classifier.Business(t.Context(), spec, status)
			_, custom := classifier.CustomLabels(t.Context(), spec, status)
			var messages []string
			for _, err := range []error{verdict, business, custom} {
				if err != nil {
					messages = append(messages, err.Error())
				}
			}
			if got := strings.Join(messages, "\n"); len(messages) != 1 || !strings.Contains(got, test.want) {
				t.Errorf("got %d errors, %s, want one with %q", len(messages), got, test.want)
			}
		})
	}
}

// The source's own word reaches the priority policy beside the normalised one.
func TestPriorityPolicySeesBothSeverities(t *testing.T) {
	classifier := with(t, map[string]string{"priority.rego": `package signalprocessing.priority

priority := "P2"

source := concat("/", [input.signal.severity, input.severity, input.environment])
`})
	verdict, err := classifier.Classify(t.Context(), signal("prod", "Page"), found("prod", nil))
	if err != nil || verdict.Priority.Source != "Page/critical/production" {
		t.Errorf("got %+v and error %v, want the source Page/critical/production", verdict.Priority, err)
	}
}

// changing answers each question from another set of policies.
type changing struct {
	classification.Policies
	asked *int
}

func (c changing) Eval(ctx context.Context, name string, input any) (policy.Result, string, error) {
	result, _, err := c.Policies.Eval(ctx, name, input)
	*c.asked++
	return result, strings.Repeat("x", *c.asked), err
}

func TestVerdictIsOfOneSetOfPolicies(t *testing.T) {
	classifier := delivered(t)
	classifier.Policies = changing{classifier.Policies, new(int)}
	if _, err := classifier.Classify(t.Context(), signal("apps", "critical"), found("apps", nil)); err != classification.ErrPoliciesChanged {
		t.Errorf("got %v, want %v", err, classification.ErrPoliciesChanged)
	}
}

// FuzzDeliveredPoliciesAlwaysAnswer: whatever a signal and a namespace say, the delivered policies have one valid answer.
func FuzzDeliveredPoliciesAlwaysAnswer(f *testing.F) {
	f.Add("critical", "prod-apps", "kubernaut.ai/environment", "production")
	f.Add("", "", "", "")
	f.Add("WARN\x00", "dev-prod", "custom.kubernaut.ai/", "a\nb")
	f.Add("\xff", "----", "kubernaut.ai/sla", " ")
	classifier := delivered(f)
	f.Fuzz(func(t *testing.T, severity, namespace, key, value string) {
		spec, status := signal(namespace, severity), found(namespace, map[string]string{key: value})
		verdict, err := classifier.Classify(t.Context(), spec, status)
		if err != nil {
			t.Fatal(err)
		}
		status.EnvironmentClassification, status.PriorityAssignment = &verdict.Environment, &verdict.Priority
		status.Severity = verdict.Severity
		if _, _, err := classifier.Business(t.Context(), spec, status); err != nil {
			t.Error(err)
		}
		if _, err := classifier.CustomLabels(t.Context(), spec, status); err != nil {
			t.Error(err)
		}
	})
}

func signal(namespace, severity string) v1alpha1.SignalProcessingSpec {
	return v1alpha1.SignalProcessingSpec{Signal: v1alpha1.Signal{
		Name: "KubePodCrashLooping", Severity: severity, TargetResource: v1alpha1.TargetResource{Kind: "Pod", Name: "shop-1", Namespace: namespace},
	}}
}

func found(namespace string, labels map[string]string) v1alpha1.SignalProcessingStatus {
	return v1alpha1.SignalProcessingStatus{KubernetesContext: &v1alpha1.KubernetesContext{
		Namespace: &v1alpha1.NamespaceContext{Name: namespace, Labels: labels},
	}}
}

func delivered(t testing.TB) classification.Classifier {
	t.Helper()
	return with(t, nil)
}

// with returns a classifier on the delivered policies, some of them replaced.
func with(t testing.TB, replaced map[string]string) classification.Classifier {
	t.Helper()
	files, err := deploy.Policies()
	if err != nil {
		t.Fatal(err)
	}
	return classification.Classifier{Policies: policytest.Open(t, files, classification.Packages(), replaced)}
}
