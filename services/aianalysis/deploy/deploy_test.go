package deploy_test

import (
	"flag"
	"testing"

	"github.com/kubernaut/kubernaut/services/aianalysis/app"
	"github.com/kubernaut/kubernaut/services/aianalysis/deploy"
	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

var update = flag.Bool("update", false, "write policies.yaml instead of comparing it")

func TestPolicies(t *testing.T) {
	files, err := deploy.Policies()
	if err != nil {
		t.Fatal(err)
	}
	deploytest.CheckPolicies(t, deploy.Manifest(), deploytest.Policies{
		Component: names.AIAnalysis,
		Files:     files,
		Dir:       app.DefaultPolicyDir,
		Update:    *update,
	})
}

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.AIAnalysis,
		Permissions: app.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole, names.HolmesGPTClientRole},
		Ports:       map[string]int32{"metrics": names.MetricsPort, "probes": names.ProbePort},
	})
}
