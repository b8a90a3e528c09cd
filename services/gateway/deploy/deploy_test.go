package deploy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubernaut/kubernaut/services/gateway/config"
	"github.com/kubernaut/kubernaut/services/gateway/deploy"
	"github.com/kubernaut/kubernaut/services/gateway/remediation"
	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.Gateway,
		Permissions: remediation.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole},
	})
}

func TestConfigurationIsValidAndSaysTheDefaults(t *testing.T) {
	got, err := config.Parse([]byte(deploytest.Only[*corev1.ConfigMap](deploytest.Decode(t, deploy.Manifest())).Data["gateway.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Errorf("configuration (-default +deployed):\n%s", diff)
	}
}

func TestConfigurationIsMountedWhereTheArgumentSays(t *testing.T) {
	m := deploytest.Decode(t, deploy.Manifest())
	pod := deploytest.Only[*appsv1.Deployment](m).Spec.Template.Spec
	volume, container := pod.Volumes[0], pod.Containers[0]
	got := []string{container.Args[0], container.VolumeMounts[0].Name, volume.ConfigMap.Name}
	want := []string{"-config=" + container.VolumeMounts[0].MountPath + "/gateway.yaml", volume.Name, deploytest.Only[*corev1.ConfigMap](m).Name}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("argument, volume, ConfigMap (-want +got):\n%s", diff)
	}
}

func TestService(t *testing.T) {
	service := deploytest.Only[*corev1.Service](deploytest.Decode(t, deploy.Manifest()))
	got := []any{service.Name, len(service.Spec.Ports), service.Spec.Ports[0].Name, service.Spec.Ports[0].Port}
	if diff := cmp.Diff([]any{names.GatewayService, 1, "http", int32(names.HTTPPort)}, got); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}
