package deploy_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/deploy"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/reconcile"
)

func TestManifest(t *testing.T) {
	manifest := deploytest.Decode(t, deploy.Manifest())
	manifest.Check(deploytest.Expectation{
		Component:   names.RemediationOrchestrator,
		Permissions: reconcile.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole},
	})
	deployment := deploytest.Only[*appsv1.Deployment](manifest)
	if got := deployment.Spec.Strategy.Type; got != appsv1.RecreateDeploymentStrategyType {
		t.Errorf("strategy: got %q, want Recreate: two orchestrators would not see each other's checks", got)
	}
}
