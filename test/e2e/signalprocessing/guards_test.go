package signalprocessing_test

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

func (s *suite) schema(t *testing.T) {
	target := api.TargetResource{Kind: "Pod", Name: "gone", Namespace: s.TargetNamespace()}
	for field, change := range map[string]func(*api.SignalProcessingSpec){
		"spec.signal.fingerprint":         func(spec *api.SignalProcessingSpec) { spec.Signal.Fingerprint = "x" },
		"spec.signal.severity":            func(spec *api.SignalProcessingSpec) { spec.Signal.Severity = "" },
		"spec.signal.type":                func(spec *api.SignalProcessingSpec) { spec.Signal.Type = "carrier-pigeon" },
		"spec.signal.targetResource.name": func(spec *api.SignalProcessingSpec) { spec.Signal.TargetResource.Name = "" },
	} {
		object := s.signal("sp15-refused", "critical", target)
		change(&object.Spec)
		if err := s.Client.Create(t.Context(), object); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got error %v, want it to be refused by name", field, err)
		}
	}
	object := s.process(t, "sp15", "critical", target)
	object.Spec.Signal.Severity = "low"
	if err := s.Client.Update(t.Context(), &object); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec is immutable") {
		t.Errorf("changed spec: got error %v, want it to be refused", err)
	}
}

func (s *suite) metrics(t *testing.T) {
	before := s.scrape(t)
	s.process(t, "sp16", "critical", s.livePod(t))
	after := s.scrape(t)
	for _, phase := range []string{"Pending", "Enriching", "Classifying", "Categorizing"} {
		for name, label := range map[string]string{
			"kubernaut_signalprocessing_processed_total":              `outcome="success",phase="` + phase + `"`,
			"kubernaut_signalprocessing_phase_duration_seconds_count": `phase="` + phase + `"`,
		} {
			was, _ := before.Metric(name, label)
			is, found := after.Metric(name, label)
			if !found || is <= was {
				t.Errorf("%s{%s}: got %v before and %v after a signal, want it to rise", name, label, was, is)
			}
		}
	}
}

func (s *suite) tools(t *testing.T) {
	namespace := s.namespace(t, "sp19", nil)
	s.make(t, managed(namespace, "shop"), isolation(namespace, "shop"))
	got := s.process(t, "sp19", "critical", api.TargetResource{Kind: "Deployment", Name: "shop", Namespace: namespace}).Status
	want := &api.DetectedLabels{HelmManaged: true, GitOpsManaged: true, HasResourceLimits: true, NetworkIsolated: true, Stateful: true, ServiceMesh: "istio"}
	if diff := contrast.Diff(want, got.KubernetesContext.DetectedLabels); diff != "" {
		t.Errorf("detected labels (-want +got):\n%s", diff)
	}
}

// rights asks the API server about the account with which the controller runs.
func (s *suite) rights(t *testing.T) {
	for _, test := range []struct {
		verb, group, resource, namespace string
		want                             bool
	}{
		{"get", "", "pods", "kube-system", true},
		{"list", "policy", "poddisruptionbudgets", "kube-system", true},
		{"update", "kubernaut.ai", "signalprocessings/status", s.Namespace, true},
		{"get", "", "secrets", s.Namespace, false},
		{"get", "", "configmaps", "kube-system", false},
		{"delete", "", "pods", "kube-system", false},
		{"patch", "apps", "deployments", s.Namespace, false},
		{"update", "kubernaut.ai", "signalprocessings", s.Namespace, false},
		{"update", "kubernaut.ai", "signalprocessings/status", "kube-system", false},
	} {
		resource, subresource, _ := strings.Cut(test.resource, "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + s.Namespace + ":" + api.SignalProcessingComponent,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: test.verb, Group: test.group, Resource: resource, Subresource: subresource, Namespace: test.namespace,
			},
		}}
		answer, err := s.Kube.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status.Allowed != test.want {
			t.Errorf("%s %s in %s: got %t, want %t", test.verb, test.resource, test.namespace, answer.Status.Allowed, test.want)
		}
	}
}
