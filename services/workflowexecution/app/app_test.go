package app_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/workflowexecution/app"
	"github.com/kubernaut/kubernaut/services/workflowexecution/job"
	"github.com/kubernaut/kubernaut/services/workflowexecution/lock"
)

func read(flags ...string) (app.Settings, error) {
	env := map[string]string{"POD_NAMESPACE": "system", "WORKFLOW_NAMESPACE": "workflows"}
	return app.ReadSettings(settings.New(func(key string) (string, bool) { value, found := env[key]; return value, found }, flags...))
}

func TestReadSettings(t *testing.T) {
	for name, test := range map[string]struct {
		flags []string
		want  app.Settings
	}{
		"defaults": {nil, app.Settings{
			Template: job.Template{Namespace: "workflows", ServiceAccount: "kubernaut-workflow-runner", Timeout: 30 * time.Minute, MemoryLimit: resource.MustParse("256Mi")},
			Policy:   lock.Policy{Cooldown: 5 * time.Minute, BackoffBase: time.Minute, BackoffMax: 10 * time.Minute, MaxFailures: 5},
			Grace:    time.Minute,
		}},
		"flags": {
			[]string{"--workflow-namespace=w", "--workflow-service-account=a", "--default-timeout=2m", "--memory-limit=1Gi", "--cooldown=1s",
				"--backoff-base=2s", "--backoff-max=3s", "--max-consecutive-failures=1", "--image-pull-grace=4s"},
			app.Settings{
				Template: job.Template{Namespace: "w", ServiceAccount: "a", Timeout: 2 * time.Minute, MemoryLimit: resource.MustParse("1Gi")},
				Policy:   lock.Policy{Cooldown: time.Second, BackoffBase: 2 * time.Second, BackoffMax: 3 * time.Second, MaxFailures: 1},
				Grace:    4 * time.Second,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(test.flags...)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Controller = got.Controller
			if diff := cmp.Diff(test.want, got); diff != "" || got.Controller.Namespace != "system" {
				t.Errorf("namespace %q, settings (-want +got):\n%s", got.Controller.Namespace, diff)
			}
		})
	}
}

func TestReadSettingsRefuses(t *testing.T) {
	for flag, want := range map[string]string{
		"--memory-limit=much":          "MEMORY_LIMIT must be an amount of memory such as 256Mi",
		"--memory-limit=0":             "MEMORY_LIMIT must be an amount of memory such as 256Mi",
		"--max-consecutive-failures=0": `MAX_CONSECUTIVE_FAILURES must be a whole number from 1 to 1000, got "0"`,
		"--cooldown=-1s":               `COOLDOWN must be a duration such as 30s, got "-1s"`,
		"--cool-down=1s":               "--cool-down is no flag of this service",
	} {
		if _, err := read(flag); err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %s", flag, err, want)
		}
	}
	_, err := app.ReadSettings(settings.New(func(string) (string, bool) { return "", false }))
	if diff := cmp.Diff("POD_NAMESPACE must be set\nWORKFLOW_NAMESPACE must be set", err.Error()); diff != "" {
		t.Errorf("error without an environment (-want +got):\n%s", diff)
	}
}
