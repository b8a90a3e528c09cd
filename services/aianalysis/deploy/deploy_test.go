package deploy_test

import (
	_ "embed"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubernaut/kubernaut/services/aianalysis/app"
	"github.com/kubernaut/kubernaut/services/aianalysis/deploy"
	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

var update = flag.Bool("update", false, "write policies.yaml instead of comparing it")

//go:embed policies.yaml
var committed string

const header = `# The policies. Made of policies/*.rego by: go test ./services/aianalysis/deploy -update
apiVersion: v1
kind: ConfigMap
metadata:
  name: aianalysis-policies
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: aianalysis, app.kubernetes.io/part-of: kubernaut}
data:
`

func TestConfigMapHoldsThePolicies(t *testing.T) {
	policies, err := deploy.Policies()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString(header)
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		text := strings.TrimSuffix(policies[name], "\n")
		// An encoder would quote texts with tabs, and make them unreadable.
		want.WriteString("  " + name + ": |\n    " + strings.ReplaceAll(strings.ReplaceAll(text, "\n", "\n    "), "\n    \n", "\n\n") + "\n")
	}
	if *update {
		if err := os.WriteFile("policies.yaml", []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), committed); diff != "" {
		t.Errorf("policies.yaml is stale (-should be +is); go test ./services/aianalysis/deploy -update writes it:\n%s", diff)
	}
	got := deploytest.Only[*corev1.ConfigMap](deploytest.Decode(t, deploy.Manifest())).Data
	if diff := cmp.Diff(policies, got); diff != "" {
		t.Errorf("ConfigMap (-policies +data):\n%s", diff)
	}
}

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.AIAnalysis,
		Permissions: app.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole, names.HolmesGPTClientRole},
	})
}

func TestPoliciesAreMountedWhereTheCodeLooks(t *testing.T) {
	m := deploytest.Decode(t, deploy.Manifest())
	pod := deploytest.Only[*appsv1.Deployment](m).Spec.Template.Spec
	volume, mount := pod.Volumes[0], pod.Containers[0].VolumeMounts[0]
	got := []string{mount.Name, mount.MountPath, volume.ConfigMap.Name}
	want := []string{volume.Name, app.DefaultPolicyDir, deploytest.Only[*corev1.ConfigMap](m).Name}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("volume, folder, ConfigMap (-want +got):\n%s", diff)
	}
	if mount.SubPath != "" {
		t.Error("a mount of a sub-path never sees a change")
	}
}

func TestPorts(t *testing.T) {
	m := deploytest.Decode(t, deploy.Manifest())
	got := map[string]int32{}
	for _, port := range deploytest.Only[*appsv1.Deployment](m).Spec.Template.Spec.Containers[0].Ports {
		got[port.Name] = port.ContainerPort
	}
	if diff := cmp.Diff(map[string]int32{"metrics": names.MetricsPort, "probes": names.ProbePort}, got); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}
