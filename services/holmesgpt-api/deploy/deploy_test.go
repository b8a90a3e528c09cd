package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/deploy"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// objects decodes the manifest with every field known to its kind.
func objects(t *testing.T) []runtime.Object {
	t.Helper()
	var all []runtime.Object
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, document := range strings.Split(deploy.Manifest(), "\n---\n") {
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		all = append(all, object)
	}
	return all
}

func find[T runtime.Object](t *testing.T, fits func(T) bool) T {
	t.Helper()
	for _, object := range objects(t) {
		if typed, ok := object.(T); ok && fits(typed) {
			return typed
		}
	}
	t.Fatalf("the manifest has no such %T", *new(T))
	panic("unreachable")
}

func TestNames(t *testing.T) {
	service := find(t, func(*corev1.Service) bool { return true })
	deployment := find(t, func(*appsv1.Deployment) bool { return true })
	account := find(t, func(*corev1.ServiceAccount) bool { return true })
	got := []any{
		service.Name, service.Namespace, service.Spec.Ports[0].Name, service.Spec.Ports[0].Port,
		deployment.Name, deployment.Namespace, account.Name, account.Namespace,
	}
	want := []any{
		names.HolmesGPTService, names.Namespace, "http", int32(names.HTTPPort),
		names.HolmesGPTAPI, names.Namespace, names.HolmesGPTAPI, names.Namespace,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// The ConfigMap says what the code does without it.
func TestConfigurationIsTheDefault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(find(t, func(*corev1.ConfigMap) bool { return true }).Data["config.yaml"]), 0o600); err != nil {
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

func TestRoles(t *testing.T) {
	reviews := []rbacv1.PolicyRule{
		{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
		{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}},
	}
	client := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{names.HolmesGPTService}, Verbs: []string{"create"}},
	}
	for name, want := range map[string][]rbacv1.PolicyRule{"holmesgpt-api-reviewer": reviews, names.HolmesGPTClientRole: client} {
		role := find(t, func(role *rbacv1.ClusterRole) bool { return role.Name == name })
		if diff := cmp.Diff(want, role.Rules); diff != "" {
			t.Errorf("ClusterRole %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestBindings(t *testing.T) {
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Name: names.HolmesGPTAPI, Namespace: names.Namespace}}
	reviewer := find(t, func(*rbacv1.ClusterRoleBinding) bool { return true })
	if diff := cmp.Diff(subjects, reviewer.Subjects); diff != "" || reviewer.RoleRef.Name != "holmesgpt-api-reviewer" {
		t.Errorf("ClusterRoleBinding to %q, subjects (-want +got):\n%s", reviewer.RoleRef.Name, diff)
	}
	storage := find(t, func(*rbacv1.RoleBinding) bool { return true })
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: names.DataStorageClientRole}
	if diff := cmp.Diff(subjects, storage.Subjects); diff != "" || storage.RoleRef != role {
		t.Errorf("RoleBinding to %+v, want %+v; subjects (-want +got):\n%s", storage.RoleRef, role, diff)
	}
}

func TestPodIsConfined(t *testing.T) {
	deployment := find(t, func(*appsv1.Deployment) bool { return true })
	pod := deployment.Spec.Template.Spec
	container := pod.Containers[0]
	got := map[string]any{
		"account":       pod.ServiceAccountName,
		"service links": *pod.EnableServiceLinks,
		"image":         container.Image,
		"port":          container.Ports[0].ContainerPort,
		"live":          container.LivenessProbe.HTTPGet.Path,
		"ready":         container.ReadinessProbe.HTTPGet.Path,
		"non-root":      *pod.SecurityContext.RunAsNonRoot,
		"user":          *pod.SecurityContext.RunAsUser,
		"seccomp":       pod.SecurityContext.SeccompProfile.Type,
		"read-only":     *container.SecurityContext.ReadOnlyRootFilesystem,
		"escalation":    *container.SecurityContext.AllowPrivilegeEscalation,
		"drop":          container.SecurityContext.Capabilities.Drop,
		"memory limit":  !container.Resources.Limits.Memory().IsZero(),
		"pull policy":   container.ImagePullPolicy,
		"selector":      find(t, func(*corev1.Service) bool { return true }).Spec.Selector,
	}
	want := map[string]any{
		"account": names.HolmesGPTAPI, "service links": false, "image": names.HolmesGPTAPI, "port": int32(names.HTTPPort),
		"live": "/health", "ready": "/health", "non-root": true, "user": int64(65532), "seccomp": corev1.SeccompProfileTypeRuntimeDefault,
		"read-only": true, "escalation": false, "drop": []corev1.Capability{"ALL"}, "memory limit": true,
		"pull policy": corev1.PullPolicy(""), // chosen at delivery
		"selector":    deployment.Spec.Template.Labels,
	}
	delete(want["selector"].(map[string]string), "app.kubernetes.io/part-of")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
}
