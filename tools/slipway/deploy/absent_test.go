package deploy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const needyYAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway, namespace: kubernaut-system}
spec:
  selector: {matchLabels: {app: gateway}}
  template:
    metadata: {labels: {app: gateway}}
    spec:
      containers:
      - name: gateway
        image: gateway
        env:
        - {name: URL, valueFrom: {secretKeyRef: {name: database, key: url, optional: true}}}
      volumes:
      - {name: policies, configMap: {name: policies}}
`

const policiesYAML = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: policies, namespace: kubernaut-system}\n"

func TestCheckConfigs(t *testing.T) {
	absent := `deploy/gateway.yaml:1: deployment/gateway reads the ConfigMap "policies", which neither the manifests nor namespace "kubernaut-system" have; add it, or mark it as optional`
	for _, test := range []struct {
		name      string
		manifests []string
		cluster   *cluster
		want      string
	}{
		{"absent", []string{needyYAML}, clusterWith(), absent},
		{"in the manifests", []string{needyYAML, policiesYAML}, clusterWith(), ""},
		{"in the cluster", []string{needyYAML}, clusterWith(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "policies", Namespace: "kubernaut-system"}}), ""},
		{"in another namespace", []string{needyYAML}, clusterWith(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "policies", Namespace: "default"}}), absent},
		{"optional", []string{strings.Replace(needyYAML, "{name: policies}", "{name: policies, optional: true}", 1)}, clusterWith(), ""},
		{"optional in one place alone", []string{needyYAML + "      - {name: again, configMap: {name: policies, optional: true}}\n"}, clusterWith(), absent},
		{"a Secret by its volume's own word", []string{strings.Replace(needyYAML, "configMap: {name: policies}", "secret: {secretName: policies}", 1)}, clusterWith(),
			strings.Replace(absent, "ConfigMap", "Secret", 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := test.cluster.checkConfigs(t.Context(), rendered(t, test.manifests...)); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
