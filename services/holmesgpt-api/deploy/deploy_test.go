package deploy_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/app"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/deploy"
	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.HolmesGPTAPI,
		Permissions: app.Permissions(),
		Roles:       []string{names.DataStorageClientRole},
		Env:         []string{"CONFIG_FILE", "OPENAI_API_KEY"},
	})
}

func TestService(t *testing.T) {
	service := deploytest.Only[*corev1.Service](deploytest.Decode(t, deploy.Manifest()))
	got := []any{service.Name, service.Namespace, service.Spec.Ports[0].Name, service.Spec.Ports[0].Port}
	if diff := cmp.Diff([]any{names.HolmesGPTService, names.Namespace, "http", int32(names.HTTPPort)}, got); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}

// Readiness of the pod must not follow the language model: the manifest says why.
func TestProbes(t *testing.T) {
	container := deploytest.Only[*appsv1.Deployment](deploytest.Decode(t, deploy.Manifest())).Spec.Template.Spec.Containers[0]
	got := []string{container.LivenessProbe.HTTPGet.Path, container.ReadinessProbe.HTTPGet.Path}
	if diff := cmp.Diff([]string{"/health", "/health"}, got); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
}

func TestClientRole(t *testing.T) {
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{names.HolmesGPTService}, Verbs: []string{"create"}},
	}
	for _, role := range deploytest.All[*rbacv1.ClusterRole](deploytest.Decode(t, deploy.Manifest())) {
		if role.Name != names.HolmesGPTClientRole {
			continue
		}
		if diff := cmp.Diff(want, role.Rules); diff != "" {
			t.Errorf("rules (-want +got):\n%s", diff)
		}
		return
	}
	t.Errorf("no ClusterRole %s", names.HolmesGPTClientRole)
}

// The ConfigMap says what the code does without it.
func TestConfigurationIsTheDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := deploytest.Only[*corev1.ConfigMap](deploytest.Decode(t, deploy.Manifest())).Data["config.yaml"]
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(settings.New(func(key string) (string, bool) {
		value, found := map[string]string{"CONFIG_FILE": file}[key]
		return value, found
	}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("configuration (-default +deployed):\n%s", diff)
	}
}
