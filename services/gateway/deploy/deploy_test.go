package deploy

import (
	"bytes"
	_ "embed"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kubernaut/kubernaut/services/gateway/config"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

//go:embed gateway.yaml
var manifest []byte

func TestEveryObjectIsInThePlatformNamespace(t *testing.T) {
	for _, object := range objects(t) {
		if got := object.GetNamespace(); got != names.Namespace {
			t.Errorf("%s %q: namespace: got %q, want %q", object.GetKind(), object.GetName(), got, names.Namespace)
		}
	}
}

func TestConfigurationIsValidAndSaysTheDefaults(t *testing.T) {
	var configMap corev1.ConfigMap
	find(t, "ConfigMap", names.Gateway, &configMap)
	got, err := config.Parse([]byte(configMap.Data["gateway.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("configuration (-default +deployed):\n%s", diff)
	}
}

func TestService(t *testing.T) {
	var service corev1.Service
	find(t, "Service", names.GatewayService, &service)
	if got := service.Spec.Ports; len(got) != 1 || got[0].Name != "http" || got[0].Port != names.HTTPPort {
		t.Errorf("ports: got %+v, want one named http on %d", got, names.HTTPPort)
	}
	if diff := cmp.Diff(deployment(t).Spec.Template.Labels["app.kubernetes.io/name"], service.Spec.Selector["app.kubernetes.io/name"]); diff != "" {
		t.Errorf("selector (-pods +service):\n%s", diff)
	}
}

func TestContainerIsConfined(t *testing.T) {
	pod := deployment(t).Spec.Template.Spec
	container := pod.Containers[0]
	got := map[string]any{
		"image":       container.Image,
		"port":        container.Ports[0].ContainerPort,
		"non-root":    *pod.SecurityContext.RunAsNonRoot,
		"user":        *pod.SecurityContext.RunAsUser,
		"seccomp":     pod.SecurityContext.SeccompProfile.Type,
		"read-only":   *container.SecurityContext.ReadOnlyRootFilesystem,
		"escalation":  *container.SecurityContext.AllowPrivilegeEscalation,
		"drop":        container.SecurityContext.Capabilities.Drop,
		"has limit":   !container.Resources.Limits.Memory().IsZero(),
		"pull policy": container.ImagePullPolicy,
	}
	want := map[string]any{
		"image": names.Gateway, "port": int32(names.HTTPPort), "non-root": true, "user": int64(65532), "seccomp": corev1.SeccompProfileTypeRuntimeDefault,
		"read-only": true, "escalation": false, "drop": []corev1.Capability{"ALL"}, "has limit": true,
		"pull policy": corev1.PullPolicy(""), // chosen at delivery
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
}

func TestPermissions(t *testing.T) {
	var role rbacv1.Role
	find(t, "Role", names.Gateway, &role)
	for _, rule := range role.Rules {
		for _, words := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
			if slices.Contains(words, "*") {
				t.Errorf("rule %+v has a wildcard", rule)
			}
		}
	}
	var binding rbacv1.RoleBinding
	find(t, "RoleBinding", "gateway-data-storage-client", &binding)
	if binding.RoleRef.Kind != "ClusterRole" || binding.RoleRef.Name != names.DataStorageClientRole {
		t.Errorf("role: got %+v, want ClusterRole %q", binding.RoleRef, names.DataStorageClientRole)
	}
}

func deployment(t *testing.T) appsv1.Deployment {
	t.Helper()
	var deployment appsv1.Deployment
	find(t, "Deployment", names.Gateway, &deployment)
	return deployment
}

// find decodes an object strictly, so that a misspelt field is an error.
func find(t *testing.T, kind, name string, target any) {
	t.Helper()
	for _, object := range objects(t) {
		if object.GetKind() != kind || object.GetName() != name {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, target, true); err != nil {
			t.Fatalf("decoding %s %q: %v", kind, name, err)
		}
		return
	}
	t.Fatalf("no %s %q", kind, name)
}

func objects(t *testing.T) []unstructured.Unstructured {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	var all []unstructured.Unstructured
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, object)
	}
}
