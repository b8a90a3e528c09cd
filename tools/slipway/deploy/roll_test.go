package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// readerYAML reads one ConfigMap or Secret at every place where a pod can name it.
const readerYAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: reader}
spec:
  selector: {matchLabels: {app: reader}}
  template:
    metadata: {labels: {app: reader}, annotations: {own: kept}}
    spec:
      initContainers:
      - name: first
        image: gateway
        env:
        - {name: A, valueFrom: {secretKeyRef: {name: of-init, key: a}}}
      containers:
      - name: reader
        image: gateway
        env:
        - {name: A, value: plain}
        - {name: B, valueFrom: {configMapKeyRef: {name: of-env, key: b}}}
        - {name: C, valueFrom: {secretKeyRef: {name: of-env, key: c, optional: true}}}
        - {name: D, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        envFrom:
        - configMapRef: {name: of-env-from}
        - secretRef: {name: of-env-from}
      volumes:
      - {name: a, configMap: {name: of-volume}}
      - {name: b, secret: {secretName: of-volume}}
      - name: c
        projected:
          sources:
          - configMap: {name: projected}
          - secret: {name: projected}
          - serviceAccountToken: {path: token}
      - {name: d, emptyDir: {}}
`

func TestMentions(t *testing.T) {
	want := []mention{
		{"ConfigMap", "of-env"}, {"ConfigMap", "of-env-from"}, {"ConfigMap", "of-volume"}, {"ConfigMap", "projected"},
		{"Secret", "of-env"}, {"Secret", "of-env-from"}, {"Secret", "of-init"}, {"Secret", "of-volume"}, {"Secret", "projected"},
	}
	if diff := cmp.Diff(want, mentions(podSpec(find(t, rendered(t, readerYAML), "deployment/reader")))); diff != "" {
		t.Errorf("mentions (-want +got):\n%s", diff)
	}
}

func annotations(t *testing.T, o object) map[string]string {
	t.Helper()
	found, _, err := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "annotations")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// stamp returns the hash that the reader gets beside other manifests.
func stamp(t *testing.T, manifests ...string) string {
	t.Helper()
	objects := rendered(t, append([]string{readerYAML}, manifests...)...)
	found := annotations(t, find(t, objects, "deployment/reader"))
	if found["own"] != "kept" {
		t.Errorf("annotations: got %v, want the manifest's own among them", found)
	}
	return found[configAnnotation]
}

func TestStampConfig(t *testing.T) {
	const (
		config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-volume}\ndata: {a: one}\n"
		secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: of-env}\nstringData: {c: one}\n"
		filled = "apiVersion: v1\nkind: Secret\nmetadata: {name: of-env, annotations: {slipway.kubernaut.ai/generate: p}}\nstringData: {c: one}\n"
		other  = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: one}\n"
	)
	change := func(manifest, old, new string) string { return strings.Replace(manifest, old, new, 1) }
	for _, tc := range []struct {
		name          string
		before, after []string
		rolls         bool
	}{
		{"nothing", []string{config, secret}, []string{config, secret}, false},
		{"order", []string{config, secret}, []string{secret, config}, false},
		{"label", []string{config}, []string{change(config, "of-volume}", "of-volume, labels: {a: b}}")}, false},
		{"namespace spelt out", []string{config}, []string{change(config, "of-volume}", "of-volume, namespace: kubernaut-system}")}, false},
		{"other namespace", []string{config}, []string{change(config, "of-volume}", "of-volume, namespace: other}")}, true},
		{"value of a ConfigMap", []string{config}, []string{change(config, "one", "two")}, true},
		{"binary value", []string{config}, []string{config + "binaryData: {b: AAAA}\n"}, true},
		{"value of a Secret", []string{secret}, []string{change(secret, "one", "two")}, true},
		{"optional Secret comes", nil, []string{secret}, true},
		{"filled Secret", []string{filled}, []string{filled}, false},
		{"manifest of a filled Secret", []string{filled}, []string{change(filled, "one", "two")}, true},
		{"Secret is filled from now on", []string{secret}, []string{filled}, true},
		{"what nobody reads", nil, []string{other}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, after := stamp(t, tc.before...), stamp(t, tc.after...)
			if len(before) != 16 {
				t.Errorf("annotation: got %q, want 16 digits", before)
			}
			if (before != after) != tc.rolls {
				t.Errorf("got %s, then %s; want a change: %v", before, after, tc.rolls)
			}
		})
	}
}

func TestStampConfigLeavesOthersAlone(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n" +
		"  - {name: c, image: gateway, envFrom: [{configMapRef: {name: a}}]}\n"
	objects := rendered(t, pod, gatewayYAML)
	if got := find(t, objects, "pod/p").GetAnnotations(); len(got) != 0 {
		t.Errorf("a Pod without a template: got annotations %v, want none", got)
	}
	if got := annotations(t, find(t, objects, "deployment/gateway")); len(got) != 0 {
		t.Errorf("pods that read nothing: got annotations %v, want none", got)
	}
}

func TestStampConfigOfCronJob(t *testing.T) {
	const cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec:\n  schedule: '* * * * *'\n  jobTemplate: {spec: {template: {spec: {\n" +
		"    restartPolicy: Never, containers: [{name: c, image: gateway, envFrom: [{configMapRef: {name: a}}]}]}}}}\n"
	found, _, err := unstructured.NestedStringMap(find(t, rendered(t, cron), "cronjob/c").Object,
		"spec", "jobTemplate", "spec", "template", "metadata", "annotations")
	if err != nil || len(found[configAnnotation]) != 16 {
		t.Errorf("annotations: got %v and error %v, want the hash", found, err)
	}
}
