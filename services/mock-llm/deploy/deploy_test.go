package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/mock-llm/deploy"
)

type objects struct {
	account    *corev1.ServiceAccount
	service    *corev1.Service
	deployment *appsv1.Deployment
}

// read decodes the manifest strictly and refuses kinds that the service does not need, permissions above all.
func read(t *testing.T) objects {
	t.Helper()
	var all objects
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, document := range strings.Split(deploy.Manifest(), "\n---\n") {
		object, kind, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		all.add(t, kind.Kind, object)
	}
	if all.account == nil || all.service == nil || all.deployment == nil {
		t.Fatalf("want a ServiceAccount, a Service and a Deployment, got %+v", all)
	}
	return all
}

func (o *objects) add(t *testing.T, kind string, object runtime.Object) {
	t.Helper()
	switch typed := object.(type) {
	case *corev1.ServiceAccount:
		o.account = typed
	case *corev1.Service:
		o.service = typed
	case *appsv1.Deployment:
		o.deployment = typed
	default:
		t.Errorf("the manifest has a %s", kind)
	}
}

func TestNames(t *testing.T) {
	all := read(t)
	for kind, meta := range map[string]struct{ name, namespace string }{
		"ServiceAccount": {all.account.Name, all.account.Namespace},
		"Deployment":     {all.deployment.Name, all.deployment.Namespace},
		"Service":        {all.service.Name, all.service.Namespace},
	} {
		if meta.name != names.MockLLMService || meta.namespace != names.Namespace {
			t.Errorf("%s: got %+v, want %s in %s", kind, meta, names.MockLLMService, names.Namespace)
		}
	}
	if got := all.service.Spec.Ports; len(got) != 1 || got[0].Name != "http" || got[0].Port != names.HTTPPort {
		t.Errorf("ports: got %+v, want one named http on %d", got, names.HTTPPort)
	}
	if diff := cmp.Diff(all.service.Spec.Selector, all.deployment.Spec.Selector.MatchLabels); diff != "" {
		t.Errorf("selectors (-Service +Deployment):\n%s", diff)
	}
	for key, value := range all.service.Spec.Selector {
		if got := all.deployment.Spec.Template.Labels[key]; got != value {
			t.Errorf("pod label %s: got %q, want %q", key, got, value)
		}
	}
}

func TestPodIsConfined(t *testing.T) {
	all := read(t)
	pod := all.deployment.Spec.Template.Spec
	container := pod.Containers[0]
	got := map[string]any{
		"account":       pod.ServiceAccountName,
		"account token": *all.account.AutomountServiceAccountToken || *pod.AutomountServiceAccountToken,
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
	}
	want := map[string]any{
		"account": names.MockLLM, "account token": false, "service links": false, "image": names.MockLLM, "port": int32(names.HTTPPort),
		"live": "/health", "ready": "/ready", "non-root": true, "user": int64(65532), "seccomp": corev1.SeccompProfileTypeRuntimeDefault,
		"read-only": true, "escalation": false, "drop": []corev1.Capability{"ALL"}, "memory limit": true,
		"pull policy": corev1.PullPolicy(""), // chosen at delivery
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
}
