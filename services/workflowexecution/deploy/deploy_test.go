package deploy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/workflowexecution/app"
	"github.com/kubernaut/kubernaut/services/workflowexecution/deploy"
)

func TestManifest(t *testing.T) {
	manifest := deploytest.Decode(t, deploy.Manifest())
	manifest.Check(deploytest.Expectation{
		Component:   names.WorkflowExecution,
		Permissions: app.Permissions(names.Namespace, names.WorkflowNamespace),
		Roles:       []string{names.DataStorageClientRole},
		Env:         []string{"WORKFLOW_NAMESPACE"},
	})
	env := deploytest.Only[*appsv1.Deployment](manifest).Spec.Template.Spec.Containers[0].Env
	if !slices.Contains(env, corev1.EnvVar{Name: "WORKFLOW_NAMESPACE", Value: names.WorkflowNamespace}) {
		t.Errorf("environment %v: want WORKFLOW_NAMESPACE to be exactly %q", env, names.WorkflowNamespace)
	}
}

func TestWorkflows(t *testing.T) {
	manifest := deploytest.Decode(t, deploy.Workflows())
	account := deploytest.Only[*corev1.ServiceAccount](manifest)
	binding := deploytest.Only[*rbacv1.ClusterRoleBinding](manifest)
	got := map[string]any{
		"namespace":  deploytest.Only[*corev1.Namespace](manifest).Name,
		"account":    account.Name,
		"account in": account.Namespace,
		"subjects":   binding.Subjects,
		"role":       binding.RoleRef.Name,
		"rules":      deploytest.Only[*rbacv1.ClusterRole](manifest).Rules,
	}
	want := map[string]any{
		"namespace":  names.WorkflowNamespace,
		"account":    names.WorkflowRunner,
		"account in": names.WorkflowNamespace,
		"subjects":   []rbacv1.Subject{{Kind: "ServiceAccount", Name: names.WorkflowRunner, Namespace: names.WorkflowNamespace}},
		"role":       names.WorkflowRunner,
		"rules": []rbacv1.PolicyRule{
			{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "patch"}},
			{APIGroups: []string{"apps"}, Resources: []string{"replicasets"}, Verbs: []string{"get"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workflows.yaml (-want +got):\n%s", diff)
	}
}
