package postgres_test

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
)

// object decodes the manifest with every field known to its kind, and returns its one object of a type.
func object[T runtime.Object](t *testing.T) T {
	t.Helper()
	data, err := os.ReadFile("postgres.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, document := range strings.Split(string(data), "\n---\n") {
		decoded, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if typed, ok := decoded.(T); ok {
			found = append(found, typed)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the manifest has %d objects of type %T, want 1", len(found), *new(T))
	}
	return found[0]
}

// The Secret's URL leads to the Service, the server's user and its database, and holds no password of its own.
func TestURL(t *testing.T) {
	secret, service, pod := object[*corev1.Secret](t), object[*corev1.Service](t), object[*appsv1.Deployment](t).Spec.Template
	const reference = "$(password)"
	if strings.Count(secret.StringData["url"], reference) != 1 || len(secret.StringData) != 1 || len(secret.Data) != 0 {
		t.Fatalf("Secret: got %v, want one URL with %s", secret.StringData, reference)
	}
	got, err := url.Parse(strings.Replace(secret.StringData["url"], reference, "x", 1))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]corev1.EnvVar{}
	for _, variable := range pod.Spec.Containers[0].Env {
		env[variable.Name] = variable
	}
	want := []string{"postgres", service.Name + ":5432", env["POSTGRES_USER"].Value, "/" + env["POSTGRES_DB"].Value}
	if diff := cmp.Diff(want, []string{got.Scheme, got.Host, got.User.Username(), got.Path}); diff != "" {
		t.Errorf("URL (-want +got):\n%s", diff)
	}
	generated := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret.Name}, Key: secret.Annotations["slipway.kubernaut.ai/generate"],
	}}
	if diff := cmp.Diff(generated, env["POSTGRES_PASSWORD"].ValueFrom); diff != "" || env["POSTGRES_PASSWORD"].Value != "" {
		t.Errorf("POSTGRES_PASSWORD (-want +got):\n%s", diff)
	}
	for key, value := range service.Spec.Selector {
		if pod.Labels[key] != value || service.Spec.Ports[0].Port != 5432 {
			t.Errorf("Service: port %d, want 5432; pod label %s=%q, want %q", service.Spec.Ports[0].Port, key, pod.Labels[key], value)
		}
	}
}

func TestPod(t *testing.T) {
	pod := object[*appsv1.Deployment](t).Spec.Template.Spec
	container := pod.Containers[0]
	hardened := []bool{
		*pod.SecurityContext.RunAsNonRoot, *container.SecurityContext.ReadOnlyRootFilesystem,
		!*container.SecurityContext.AllowPrivilegeEscalation, !*pod.AutomountServiceAccountToken, !*pod.EnableServiceLinks,
		pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
	}
	if diff := cmp.Diff([]bool{true, true, true, true, true, true}, hardened); diff != "" {
		t.Errorf("security (-want +got):\n%s", diff)
	}
	// The official image and the one of Debian's packages know this number by the same name: initdb wants one.
	passwd, err := os.ReadFile("passwd")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(passwd), "\npostgres:x:999:999:") || *pod.SecurityContext.RunAsUser != 999 {
		t.Errorf("user %d, want 999; accounts:\n%s", *pod.SecurityContext.RunAsUser, passwd)
	}
}
