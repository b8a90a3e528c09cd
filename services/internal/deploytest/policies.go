package deploytest

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Policies says what a service's ConfigMap of policies must hold.
type Policies struct {
	// Component is the service's name; its ConfigMap is <Component>-policies.
	Component string
	// Files holds the policies, all at its top.
	Files fs.FS
	// Dir is where the code looks for them in its container.
	Dir string
	// Update writes policies.yaml in the working directory, which is the test's own folder, instead of comparing it.
	Update bool
}

// CheckPolicies checks a manifest whose last document is policies.yaml: its text is the one that is made of the files, its
// data are the files, and the Deployment mounts it where the code looks.
func CheckPolicies(t testing.TB, manifest string, want Policies) {
	t.Helper()
	texts := read(t, want.Files)
	text := configMap(want.Component, texts)
	if want.Update {
		if err := os.WriteFile("policies.yaml", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	const separator = "\n---\n"
	committed := manifest[strings.LastIndex(manifest, separator)+len(separator):]
	if diff := cmp.Diff(text, committed); diff != "" {
		t.Errorf("policies.yaml is stale (-should be +is); go test ./services/%s/deploy -update writes it:\n%s", want.Component, diff)
	}
	m := Decode(t, manifest)
	held := Only[*corev1.ConfigMap](m)
	if diff := cmp.Diff(texts, held.Data); diff != "" {
		t.Errorf("ConfigMap (-policies +data):\n%s", diff)
	}
	m.checkMount(held.Name, want.Dir)
}

// read returns texts by file name.
func read(t testing.TB, files fs.FS) map[string]string {
	t.Helper()
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, entry := range entries {
		text, err := fs.ReadFile(files, entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		texts[entry.Name()] = string(text)
	}
	return texts
}

const header = `# The policies. Made of policies/*.rego by: go test ./services/COMPONENT/deploy -update
apiVersion: v1
kind: ConfigMap
metadata:
  name: COMPONENT-policies
  namespace: kubernaut-system
  labels: {app.kubernetes.io/name: COMPONENT, app.kubernetes.io/part-of: kubernaut}
data:
`

// configMap returns policies.yaml. An encoder would quote texts with tabs, and make them unreadable.
func configMap(component string, texts map[string]string) string {
	var text strings.Builder
	text.WriteString(strings.ReplaceAll(header, "COMPONENT", component))
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		lines := strings.ReplaceAll(strings.TrimSuffix(texts[name], "\n"), "\n", "\n    ")
		text.WriteString("  " + name + ": |\n    " + strings.ReplaceAll(lines, "\n    \n", "\n\n") + "\n")
	}
	return text.String()
}

func (m Manifest) checkMount(name, dir string) {
	m.t.Helper()
	pod := Only[*appsv1.Deployment](m).Spec.Template.Spec
	volume, mount := pod.Volumes[0], pod.Containers[0].VolumeMounts[0]
	got := []string{mount.Name, mount.MountPath, volume.ConfigMap.Name}
	if diff := cmp.Diff([]string{volume.Name, dir, name}, got); diff != "" {
		m.t.Errorf("volume, folder, ConfigMap (-want +got):\n%s", diff)
	}
	if mount.SubPath != "" {
		m.t.Errorf("mount of the sub-path %q: it never sees a change", mount.SubPath)
	}
}
