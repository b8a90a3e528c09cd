// Package deploytest checks a service's manifest against the platform's rules and against the service's code. The tests of
// the services' deploy folders call it; what only one service has, its own test checks.
//
// Checked: every document decodes strictly and carries the platform's labels; every object is in the platform's namespace;
// pods run as the numeric non-root user without privileges, with probes and limits, and name the image by the component's
// name; the ServiceAccount's Roles hold the verbs that the code asks for, no more and no less; the ConfigMap of a service that
// has policies holds the policies' files, and is mounted where the code looks.
package deploytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/permission"
)

// nameLabel and partLabel are on every object; the first holds the component's name.
const (
	nameLabel = "app.kubernetes.io/name"
	partLabel = "app.kubernetes.io/part-of"
)

// user is the numeric user of all images: nobody's, so that runAsNonRoot can be checked.
const user = 65532

// Expectation is what a manifest must say besides the platform's rules.
type Expectation struct {
	// Component is the image's and the Deployment's name. Required.
	Component string
	// Permissions are those that the code checks at its start, with names.Namespace and names.WorkflowNamespace.
	Permissions []permission.Rule
	// Roles of other services that the ServiceAccount is bound to, for instance names.DataStorageClientRole, sorted.
	Roles []string
	// Env lists every variable that the container may set besides POD_NAMESPACE, sorted: the keys that the code reads.
	Env []string
	// Ports of the container, numbers by name; nil leaves them unchecked.
	Ports map[string]int32
}

// Manifest is a decoded manifest.
type Manifest struct {
	t       testing.TB
	objects []runtime.Object
}

// Decode decodes a manifest of documents separated by lines of three dashes, with every field known to its kind.
func Decode(t testing.TB, text string) Manifest {
	t.Helper()
	m := Manifest{t: t}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, document := range strings.Split(text, "\n---\n") {
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		m.objects = append(m.objects, object)
	}
	return m
}

// All returns the manifest's objects of one type, in their order.
func All[T runtime.Object](m Manifest) []T {
	var found []T
	for _, object := range m.objects {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

// Only returns the manifest's one object of a type.
func Only[T runtime.Object](m Manifest) T {
	m.t.Helper()
	found := All[T](m)
	if len(found) != 1 {
		m.t.Fatalf("the manifest has %d objects of type %T, want 1", len(found), *new(T))
	}
	return found[0]
}

// Check checks the platform's rules and want.
func (m Manifest) Check(want Expectation) {
	m.t.Helper()
	m.checkMetadata(want.Component)
	m.checkPod(want)
	m.checkPermissions(want)
}

// checkMetadata: cluster-scoped kinds have no namespace, all others have the platform's, or the workflows'.
func (m Manifest) checkMetadata(component string) {
	m.t.Helper()
	for _, object := range m.objects {
		accessor, err := meta.Accessor(object)
		if err != nil {
			m.t.Fatal(err)
		}
		id := fmt.Sprintf("%T %s", object, accessor.GetName())
		if labels := accessor.GetLabels(); labels[nameLabel] != component || labels[partLabel] != "kubernaut" {
			m.t.Errorf("%s: labels %v, want %s=%s and %s=kubernaut", id, labels, nameLabel, component, partLabel)
		}
		if namespace := accessor.GetNamespace(); !slices.Contains([]string{"", names.Namespace, names.WorkflowNamespace}, namespace) {
			m.t.Errorf("%s: namespace %q is none of the platform", id, namespace)
		}
	}
}

func (m Manifest) checkPod(want Expectation) {
	m.t.Helper()
	deployment := Only[*appsv1.Deployment](m)
	pod := deployment.Spec.Template
	container := pod.Spec.Containers[0]
	got := map[string]any{
		"name":             deployment.Name,
		"namespace":        deployment.Namespace,
		"image":            container.Image,
		"selector":         deployment.Spec.Selector.MatchLabels,
		"account":          pod.Spec.ServiceAccountName,
		"non-root":         *pod.Spec.SecurityContext.RunAsNonRoot,
		"user":             *pod.Spec.SecurityContext.RunAsUser,
		"seccomp":          pod.Spec.SecurityContext.SeccompProfile.Type,
		"read-only root":   *container.SecurityContext.ReadOnlyRootFilesystem,
		"escalation":       *container.SecurityContext.AllowPrivilegeEscalation,
		"capabilities":     container.SecurityContext.Capabilities.Drop,
		"liveness probe":   container.LivenessProbe != nil,
		"readiness probe":  container.ReadinessProbe != nil,
		"service links":    *pod.Spec.EnableServiceLinks,
		"cpu request":      !container.Resources.Requests.Cpu().IsZero(),
		"memory request":   !container.Resources.Requests.Memory().IsZero(),
		"memory limit":     !container.Resources.Limits.Memory().IsZero(),
		"environment":      environment(container),
		"labels of pods":   pod.Labels[nameLabel],
		"number of images": len(pod.Spec.Containers),
	}
	expected := map[string]any{
		"name": want.Component, "namespace": names.Namespace, "image": want.Component,
		"selector": map[string]string{nameLabel: want.Component}, "account": Only[*corev1.ServiceAccount](m).Name,
		"non-root": true, "user": int64(user), "seccomp": corev1.SeccompProfileTypeRuntimeDefault,
		"read-only root": true, "escalation": false, "capabilities": []corev1.Capability{"ALL"},
		"liveness probe": true, "readiness probe": true, "service links": false,
		"cpu request": true, "memory request": true, "memory limit": true,
		"environment": want.Env, "labels of pods": want.Component, "number of images": 1,
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		m.t.Errorf("Deployment (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Ports, ports(container)); want.Ports != nil && diff != "" {
		m.t.Errorf("ports (-want +got):\n%s", diff)
	}
	for _, service := range All[*corev1.Service](m) {
		if diff := cmp.Diff(deployment.Spec.Selector.MatchLabels, service.Spec.Selector); diff != "" {
			m.t.Errorf("selector of Service %s (-Deployment +Service):\n%s", service.Name, diff)
		}
	}
}

// environment returns the names of a container's variables without POD_NAMESPACE, sorted; nil when there are none.
func environment(container corev1.Container) []string {
	var set []string
	for _, variable := range container.Env {
		if variable.Name != "POD_NAMESPACE" {
			set = append(set, variable.Name)
		}
	}
	slices.Sort(set)
	return set
}

func ports(container corev1.Container) map[string]int32 {
	numbers := map[string]int32{}
	for _, port := range container.Ports {
		numbers[port.Name] = port.ContainerPort
	}
	return numbers
}

func (m Manifest) checkPermissions(want Expectation) {
	m.t.Helper()
	granted, roles := m.granted(Only[*corev1.ServiceAccount](m).Name)
	if diff := cmp.Diff(flatten(want.Permissions), granted); diff != "" {
		m.t.Errorf("permissions (-code +manifest):\n%s", diff)
	}
	if diff := cmp.Diff(want.Roles, roles); diff != "" {
		m.t.Errorf("roles of other services (-want +got):\n%s", diff)
	}
}

// granted returns what the account may do by roles of the manifest, one line per verb, and the roles that are not in it.
func (m Manifest) granted(account string) (lines, others []string) {
	rules := map[string][]rbacv1.PolicyRule{}
	for _, role := range All[*rbacv1.Role](m) {
		rules["Role/"+role.Namespace+"/"+role.Name] = role.Rules
	}
	for _, role := range All[*rbacv1.ClusterRole](m) {
		rules["ClusterRole/"+role.Name] = role.Rules
	}
	grant := func(subjects []rbacv1.Subject, ref rbacv1.RoleRef, namespace string) {
		if !slices.Contains(subjects, rbacv1.Subject{Kind: "ServiceAccount", Name: account, Namespace: names.Namespace}) {
			return
		}
		key := ref.Kind + "/" + ref.Name
		if ref.Kind == "Role" {
			key = ref.Kind + "/" + namespace + "/" + ref.Name
		}
		if _, found := rules[key]; !found {
			others = append(others, ref.Name)
			return
		}
		for _, rule := range rules[key] {
			lines = append(lines, flatten(split(rule, namespace))...)
		}
	}
	for _, binding := range All[*rbacv1.RoleBinding](m) {
		grant(binding.Subjects, binding.RoleRef, binding.Namespace)
	}
	for _, binding := range All[*rbacv1.ClusterRoleBinding](m) {
		grant(binding.Subjects, binding.RoleRef, "")
	}
	slices.Sort(lines)
	slices.Sort(others)
	return lines, others
}

func split(rule rbacv1.PolicyRule, namespace string) []permission.Rule {
	var all []permission.Rule
	objects := rule.ResourceNames
	if len(objects) == 0 {
		objects = []string{""}
	}
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, name := range objects {
				all = append(all, permission.Rule{Namespace: namespace, Group: group, Resource: resource, Name: name, Verbs: rule.Verbs})
			}
		}
	}
	return all
}

// flatten returns one line per verb, sorted; nil when there are none.
func flatten(rules []permission.Rule) []string {
	var lines []string
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			lines = append(lines, fmt.Sprintf("%s %s/%s %q in %q", verb, rule.Group, rule.Resource, rule.Name, rule.Namespace))
		}
	}
	slices.Sort(lines)
	return lines
}
