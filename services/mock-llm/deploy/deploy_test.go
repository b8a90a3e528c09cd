package deploy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/mock-llm/deploy"
)

// No permissions, and not even a token to ask with.
func TestManifest(t *testing.T) {
	m := deploytest.Decode(t, deploy.Manifest())
	m.Check(deploytest.Expectation{Component: names.MockLLM})
	account, pod := deploytest.Only[*corev1.ServiceAccount](m), deploytest.Only[*appsv1.Deployment](m).Spec.Template.Spec
	if *account.AutomountServiceAccountToken || *pod.AutomountServiceAccountToken {
		t.Error("the pod has the account's token")
	}
}

func TestService(t *testing.T) {
	service := deploytest.Only[*corev1.Service](deploytest.Decode(t, deploy.Manifest()))
	got := []any{service.Name, len(service.Spec.Ports), service.Spec.Ports[0].Name, service.Spec.Ports[0].Port}
	if diff := cmp.Diff([]any{names.MockLLMService, 1, "http", int32(names.HTTPPort)}, got); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}
