package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
)

const (
	workflows = "apiVersion: v1\nkind: Namespace\nmetadata: {name: flows}\n---\n"
	webhook   = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: hook}\n"
)

func TestCopy(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{
			"platform namespace without a declaration",
			"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: sys}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: sys-gw}\n",
		},
		{
			"declared namespace, values but no keys and no parts",
			workflows + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: flows}\ndata: {sys: x, a: sys, b: [flows, sysx], c: flows/sys}\n",
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: flows-gw}\n---\n" +
				"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: flows-gw}\ndata: {sys: x, a: sys-gw, b: [flows-gw, sysx], c: flows/sys}\n",
		},
		{
			"binding of a shared role",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: r}\nroleRef: {kind: ClusterRole, name: r}\nsubjects: [{name: r, namespace: sys}]\n---\n" +
				"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: r-sys-gw}\nroleRef: {kind: ClusterRole, name: r}\nsubjects: [{name: r, namespace: sys-gw}]\n---\n" +
				"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n",
		},
		{
			"priority class and its users",
			"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: high}\nspec: {priorityClassName: high}\n",
			"apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high-sys-gw}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: high}\nspec: {priorityClassName: high-sys-gw}\n",
		},
		{
			"webhook configuration and the program that keeps it",
			webhook + "webhooks: [{clientConfig: {service: {name: hook, namespace: sys}}}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: hook}\nspec: {containers: [{env: [{name: N, value: hook}]}]}\n",
			strings.Replace(webhook, "name: hook", "name: hook-sys-gw", 1) +
				"webhooks: [{clientConfig: {service: {name: hook, namespace: sys-gw}}}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: hook}\nspec: {containers: [{env: [{name: N, value: hook-sys-gw}]}]}\n",
		},
		{
			"custom resources",
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.e.io}\nspec: {group: e.io, scope: Cluster, names: {kind: Thing}}\n---\n" +
				"apiVersion: e.io/v1\nkind: Thing\nmetadata: {name: a}\n---\napiVersion: e.io/v1\nkind: Other\nmetadata: {name: a}\n",
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.e.io}\nspec: {group: e.io, scope: Cluster, names: {kind: Thing}}\n---\n" +
				"apiVersion: e.io/v1\nkind: Thing\nmetadata: {name: a-sys-gw}\n---\napiVersion: e.io/v1\nkind: Other\nmetadata: {name: a}\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := parse(t, tc.in)
			got := contents(manifest.Copy(in, "sys", "gw"))
			if diff := cmp.Diff(contents(parse(t, tc.want)), got); diff != "" {
				t.Errorf("copies (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(contents(parse(t, tc.in)), contents(in)); diff != "" {
				t.Errorf("originals were changed (-want +got):\n%s", diff)
			}
		})
	}
}

func contents(objects []manifest.Object) []map[string]any {
	var all []map[string]any
	for _, o := range objects {
		all = append(all, o.Content)
	}
	return all
}

func TestCheckCopy(t *testing.T) {
	const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	text := func(line, name string) string {
		return "a.yaml:" + line + ": a text contains the namespace " + name + ": every suite has its own copy, and only a value that is exactly \"" + name +
			"\" follows; use an env variable with fieldRef metadata.namespace, and a Service's bare name"
	}
	for _, tc := range []struct{ name, in, want string }{
		{"nothing to refuse", workflows + configMap + "data: {a: sys, sys.yaml: b}\n", ""},
		{"DNS name", configMap + "data: {a: http://b.sys.svc}\n", text("4", "sys")},
		{"line of a block", configMap + "data:\n  a: |\n    b: 1\n    namespace: sys\n", text("7", "sys")},
		{"declared namespace", workflows + configMap + "data:\n  a: in flows\n", text("9", "flows")},
		{
			"shared object", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules:\n- resourceNames: [sys]\n",
			"a.yaml:5: clusterrole/r is shared by all suites and cannot name the namespace sys; use a Role, or leave the name out",
		},
		{"prose of a schema", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: t}\nspec: {description: in sys}\n", ""},
		{
			"namespace of everybody", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: kube-system}\n",
			"a.yaml:1: service/a is in namespace kube-system, which all suites share; use sys, or declare the namespace in a manifest",
		},
		{
			"API service", "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.e.io}\n",
			"a.yaml:1: apiservice/v1.e.io cannot be copied for each suite: its name says what it serves; serve a webhook or a custom resource instead",
		},
		{"webhook of its namespace", webhook + "webhooks:\n- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: sys}}\n", ""},
		{
			"webhook of all namespaces", webhook + "webhooks:\n- name: x\n",
			"a.yaml:5: validatingwebhookconfiguration/hook would be called for the objects of all suites; add namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: sys}}",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := manifest.CheckCopy(parse(t, tc.in), "sys", "gw"); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	err := manifest.CheckCopy(nil, "sys", strings.Repeat("x", 60))
	if err == nil || !strings.HasSuffix(err.Error(), "has more than 63 characters; give the suite a shorter name") {
		t.Errorf("long name: got %v", err)
	}
}
