package deploy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/notification/app"
	"github.com/kubernaut/kubernaut/services/notification/deploy"
)

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.Notification,
		Permissions: app.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole},
		Env:         []string{"SLACK_WEBHOOK_URL"},
	})
}

// The folder of the channel file is where the code writes by default, writable by the pod's user, and bounded.
func TestOutputFolder(t *testing.T) {
	cfg, err := app.ReadSettings(settings.New(func(string) (string, bool) { return "", false }, "--pod-namespace=ns"))
	if err != nil {
		t.Fatal(err)
	}
	pod := deploytest.Only[*appsv1.Deployment](deploytest.Decode(t, deploy.Manifest())).Spec.Template.Spec
	volume, mount := pod.Volumes[0], pod.Containers[0].VolumeMounts[0]
	got := map[string]any{
		"mount": mount.MountPath, "volume": mount.Name, "writable": !mount.ReadOnly,
		"bounded": volume.EmptyDir != nil && !volume.EmptyDir.SizeLimit.IsZero(), "group": *pod.SecurityContext.FSGroup,
	}
	want := map[string]any{"mount": cfg.OutputDir, "volume": volume.Name, "writable": true, "bounded": true, "group": int64(65532)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output folder (-want +got):\n%s", diff)
	}
}

// Without the Secret the service starts all the same, and only deliveries by slack fail.
func TestSlackURLIsAnOptionalSecret(t *testing.T) {
	pod := deploytest.Only[*appsv1.Deployment](deploytest.Decode(t, deploy.Manifest())).Spec.Template.Spec
	optional := true
	want := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "notification-slack"}, Key: "webhook-url", Optional: &optional}
	for _, variable := range pod.Containers[0].Env {
		if variable.Name == "SLACK_WEBHOOK_URL" {
			if diff := cmp.Diff(want, variable.ValueFrom.SecretKeyRef); diff != "" {
				t.Errorf("SLACK_WEBHOOK_URL (-want +got):\n%s", diff)
			}
		}
	}
}
