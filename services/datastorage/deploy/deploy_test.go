package deploy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubernaut/kubernaut/services/datastorage/app"
	"github.com/kubernaut/kubernaut/services/datastorage/deploy"
	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.DataStorage,
		Permissions: app.Permissions(),
		Env:         []string{"DATABASE_URL", "DATA_DIR"},
	})
}

func TestService(t *testing.T) {
	service := deploytest.Only[*corev1.Service](deploytest.Decode(t, deploy.Manifest()))
	got := []any{service.Name, service.Spec.Ports[0].Name, service.Spec.Ports[0].Port}
	if diff := cmp.Diff([]any{names.DataStorageService, "http", int32(names.HTTPPort)}, got); diff != "" {
		t.Errorf("Service (-want +got):\n%s", diff)
	}
}

func TestClientRole(t *testing.T) {
	roles := deploytest.All[*rbacv1.ClusterRole](deploytest.Decode(t, deploy.Manifest()))
	i := slices.IndexFunc(roles, func(role *rbacv1.ClusterRole) bool { return role.Name == names.DataStorageClientRole })
	if i < 0 {
		t.Fatalf("no ClusterRole %s", names.DataStorageClientRole)
	}
	want := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{names.DataStorageService}, Verbs: []string{"create"}}}
	if diff := cmp.Diff(want, roles[i].Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// Without optional, a cluster that has no database server would never start datastorage.
func TestDatabaseIsOptional(t *testing.T) {
	env := deploytest.Only[*appsv1.Deployment](deploytest.Decode(t, deploy.Manifest())).Spec.Template.Spec.Containers[0].Env
	i := slices.IndexFunc(env, func(variable corev1.EnvVar) bool { return variable.Name == "DATABASE_URL" })
	if i < 0 {
		t.Fatal("no DATABASE_URL")
	}
	optional := true
	want := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "datastorage-database"}, Key: "url", Optional: &optional,
	}}
	if diff := cmp.Diff(want, env[i].ValueFrom); diff != "" {
		t.Errorf("DATABASE_URL (-want +got):\n%s", diff)
	}
}
