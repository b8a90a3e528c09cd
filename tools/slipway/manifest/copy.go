package manifest

import (
	"slices"
	"strings"
)

// Several suites share one cluster when each runs in its own copies of the namespaces. This file says what a copy is:
//
//   - A string value that is exactly the name of one of the suite's namespaces becomes "<name>-<suite>".
//   - A cluster-scoped object gets "-<copy of the platform namespace>" behind its name, and references to it follow.
//   - Custom resource definitions and ClusterRoles are shared: they are the same for all suites and stay as they are.
//
// Nothing else is changed. CheckCopy refuses at build time what these rules would miss.

// CopyName returns the name of the suite's copy of a namespace: "kubernaut-system-gateway".
func CopyName(namespace, suite string) string { return namespace + "-" + suite }

// Namespaces returns the namespaces of a suite: the platform namespace first, then those that the objects declare.
func Namespaces(objects []Object, platform string) []string {
	names := []string{platform}
	for _, o := range objects {
		if o.is("", "Namespace") && !slices.Contains(names, o.Name()) {
			names = append(names, o.Name())
		}
	}
	return names
}

// Shared reports whether objects of the kind are the same for all suites.
func Shared(group, kind string) bool {
	return group == "apiextensions.k8s.io" && kind == "CustomResourceDefinition" || group == "rbac.authorization.k8s.io" && kind == "ClusterRole"
}

func (o Object) shared() bool { return Shared(o.Group(), o.Kind()) }

// Copy returns the objects as the suite has them in its copies of the namespaces. The arguments are not changed.
func Copy(objects []Object, platform, suite string) []Object {
	c := copier{namespaces: map[string]string{}, renamed: map[string]map[string]string{}}
	for _, name := range Namespaces(objects, platform) {
		c.namespaces[name] = CopyName(name, suite)
	}
	of := scopes(objects)
	for _, o := range objects {
		if of.copied(o) {
			c.rename(o.Kind(), o.Name(), o.Name()+"-"+CopyName(platform, suite))
		}
	}
	copies := slices.Clone(objects)
	for i, o := range copies {
		if o.shared() {
			continue
		}
		copies[i].Content = c.value("", o.Content).(map[string]any)
		if of.copied(o) {
			metadata, _ := copies[i].Content["metadata"].(map[string]any)
			metadata["name"] = c.renamed[o.Kind()][o.Name()]
		}
	}
	return copies
}

type copier struct {
	namespaces map[string]string
	renamed    map[string]map[string]string // kind to name to the copy's name
}

func (c copier) rename(kind, name, to string) {
	if c.renamed[kind] == nil {
		c.renamed[kind] = map[string]string{}
	}
	c.renamed[kind][name] = to
}

// value returns a copy of what stands under the key.
func (c copier) value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = c.value(k, item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = c.value(key, item)
		}
		return out
	case string:
		return c.text(key, v)
	}
	return v
}

func (c copier) text(key, s string) string {
	if to, ok := c.namespaces[s]; ok {
		return to
	}
	for _, kind := range referenced(key) {
		if to, ok := c.renamed[kind][s]; ok {
			return to
		}
	}
	return s
}

// referenced returns the cluster-scoped kinds whose names stand under the key. A container's environment ("value") may
// hold the name of the webhook configuration that the program keeps current.
func referenced(key string) []string {
	switch key {
	case "priorityClassName":
		return []string{"PriorityClass"}
	case "storageClassName":
		return []string{"StorageClass"}
	case "volumeName":
		return []string{"PersistentVolume"}
	case "runtimeClassName":
		return []string{"RuntimeClass"}
	case "ingressClassName":
		return []string{"IngressClass"}
	case "policyName":
		return []string{"ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"}
	case "value":
		return []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
	}
	return nil
}

// scope knows which kinds are cluster-scoped.
type scope map[string]bool // "group/kind"

// scopes are those of the built-in kinds and of the kinds that the objects define.
func scopes(objects []Object) scope {
	s := scope{}
	for group, kinds := range map[string]string{
		"":                             "Namespace Node PersistentVolume",
		"admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding",
		"apiextensions.k8s.io":         "CustomResourceDefinition",
		"apiregistration.k8s.io":       "APIService",
		"certificates.k8s.io":          "CertificateSigningRequest ClusterTrustBundle",
		"flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
		"networking.k8s.io":            "IngressClass",
		"node.k8s.io":                  "RuntimeClass",
		"rbac.authorization.k8s.io":    "ClusterRole ClusterRoleBinding",
		"scheduling.k8s.io":            "PriorityClass",
		"storage.k8s.io":               "CSIDriver StorageClass",
	} {
		for kind := range strings.FieldsSeq(kinds) {
			s[group+"/"+kind] = true
		}
	}
	for _, o := range objects {
		if group, kind, cluster := o.defines(); cluster {
			s[group+"/"+kind] = true
		}
	}
	return s
}

func (s scope) cluster(o Object) bool { return s[o.Group()+"/"+o.Kind()] }

// copied: namespaces are values of their own, and shared objects stay.
func (s scope) copied(o Object) bool {
	return s.cluster(o) && !o.shared() && !o.is("", "Namespace")
}

// defines returns the kind that a custom resource definition defines, and whether its objects are cluster-scoped.
func (o Object) defines() (group, kind string, cluster bool) {
	if !o.is("apiextensions.k8s.io", "CustomResourceDefinition") {
		return "", "", false
	}
	spec, _ := o.Content["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	return text(spec, "group"), text(names, "kind"), text(spec, "scope") == "Cluster"
}
