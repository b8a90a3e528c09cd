package deploy_test

import (
	"flag"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/deploytest"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/signalprocessing/app"
	"github.com/kubernaut/kubernaut/services/signalprocessing/deploy"
)

var update = flag.Bool("update", false, "write policies.yaml instead of comparing it")

func TestPolicies(t *testing.T) {
	files, err := deploy.Policies()
	if err != nil {
		t.Fatal(err)
	}
	deploytest.CheckPolicies(t, deploy.Manifest(), deploytest.Policies{
		Component: names.SignalProcessing,
		Files:     files,
		Dir:       app.DefaultPolicyDir,
		Update:    *update,
	})
}

func TestManifest(t *testing.T) {
	deploytest.Decode(t, deploy.Manifest()).Check(deploytest.Expectation{
		Component:   names.SignalProcessing,
		Permissions: app.Permissions(names.Namespace),
		Roles:       []string{names.DataStorageClientRole},
		Ports:       map[string]int32{"metrics": names.MetricsPort, "probes": names.ProbePort},
	})
}
