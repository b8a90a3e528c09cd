package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubernaut/kubernaut/services/datastorage/deploy"
	"github.com/kubernaut/kubernaut/services/internal/names"
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
	got := []any{service.Name, service.Namespace, service.Spec.Ports[0].Name, service.Spec.Ports[0].Port}
	if diff := cmp.Diff([]any{names.DataStorageService, names.Namespace, "http", int32(names.HTTPPort)}, got); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
	client := find(t, func(role *rbacv1.ClusterRole) bool { return role.Name == names.DataStorageClientRole })
	want := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{names.DataStorageService}, Verbs: []string{"create"}}}
	if diff := cmp.Diff(want, client.Rules); diff != "" {
		t.Errorf("ClusterRole %s (-want +got):\n%s", names.DataStorageClientRole, diff)
	}
}

// The reviews are all that datastorage may ask of the API server.
func TestReviewerRole(t *testing.T) {
	role := find(t, func(role *rbacv1.ClusterRole) bool { return role.Name == "data-storage-reviewer" })
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
		{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}},
	}
	if diff := cmp.Diff(want, role.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	binding := find(t, func(*rbacv1.ClusterRoleBinding) bool { return true })
	account := find(t, func(*corev1.ServiceAccount) bool { return true })
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: account.Name, Namespace: names.Namespace}
	if diff := cmp.Diff([]rbacv1.Subject{subject}, binding.Subjects); diff != "" || binding.RoleRef.Name != role.Name {
		t.Errorf("binding to %q (-want +got):\n%s", binding.RoleRef.Name, diff)
	}
}

func TestPod(t *testing.T) {
	deployment := find(t, func(*appsv1.Deployment) bool { return true })
	service := find(t, func(*corev1.Service) bool { return true })
	pod := deployment.Spec.Template
	if diff := cmp.Diff(service.Spec.Selector, deployment.Spec.Selector.MatchLabels); diff != "" {
		t.Errorf("selectors (-Service +Deployment):\n%s", diff)
	}
	for key, value := range service.Spec.Selector {
		if pod.Labels[key] != value {
			t.Errorf("pod label %s=%q, want %q", key, pod.Labels[key], value)
		}
	}
	container := pod.Spec.Containers[0]
	// Without optional, a cluster that has no database server would never start datastorage.
	optional := true
	want := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "datastorage-database"}, Key: "url", Optional: &optional,
	}}
	var database *corev1.EnvVarSource
	for _, variable := range container.Env {
		if variable.Name == "DATABASE_URL" {
			database = variable.ValueFrom
		}
	}
	if diff := cmp.Diff(want, database); diff != "" {
		t.Errorf("DATABASE_URL (-want +got):\n%s", diff)
	}
	hardened := []bool{*pod.Spec.SecurityContext.RunAsNonRoot, *container.SecurityContext.ReadOnlyRootFilesystem, !*container.SecurityContext.AllowPrivilegeEscalation}
	if diff := cmp.Diff([]bool{true, true, true}, hardened); diff != "" || container.Image != names.DataStorage {
		t.Errorf("image %q, want the placeholder %q; security (-want +got):\n%s", container.Image, names.DataStorage, diff)
	}
}
