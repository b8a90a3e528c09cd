package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/app"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/reconcile"
	"github.com/kubernaut/kubernaut/services/remediationorchestrator/routing"
)

func read(environment map[string]string, args ...string) (app.Config, error) {
	return app.Read(settings.New(func(key string) (string, bool) { value, ok := environment[key]; return value, ok }, args...))
}

func TestDefaults(t *testing.T) {
	got, err := read(map[string]string{"POD_NAMESPACE": "here"})
	if err != nil {
		t.Fatal(err)
	}
	want := app.Config{
		Controller: controller.Settings{
			Namespace: "here", MetricsAddress: ":9090", ProbeAddress: ":8081", DataStorageURL: "http://data-storage-service:8080",
		},
		Limits: reconcile.Limits{
			Global: time.Hour, Processing: 5 * time.Minute, Analyzing: 10 * time.Minute, Executing: 30 * time.Minute,
			Approval: 15 * time.Minute, Recheck: 30 * time.Second,
		},
		Routing: routing.Limits{
			ConsecutiveFailures: 3, FailureCooldown: time.Hour, RemediatedCooldown: 5 * time.Minute, BackoffBase: time.Minute, BackoffMax: 10 * time.Minute,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestEveryThresholdIsASetting(t *testing.T) {
	got, err := read(map[string]string{"POD_NAMESPACE": "here", "GLOBAL_TIMEOUT": "1m", "CONSECUTIVE_FAILURE_LIMIT": "7"},
		"--processing-timeout=2s", "--analyzing-timeout=3s", "--executing-timeout=4s", "--approval-timeout=5s", "--blocked-recheck-interval=6s",
		"--consecutive-failure-cooldown=8s", "--recently-remediated-cooldown=9s", "--backoff-base=10s", "--backoff-max=11s")
	if err != nil {
		t.Fatal(err)
	}
	want := app.Config{
		Controller: got.Controller,
		Limits: reconcile.Limits{
			Global: time.Minute, Processing: 2 * time.Second, Analyzing: 3 * time.Second, Executing: 4 * time.Second,
			Approval: 5 * time.Second, Recheck: 6 * time.Second,
		},
		Routing: routing.Limits{
			ConsecutiveFailures: 7, FailureCooldown: 8 * time.Second, RemediatedCooldown: 9 * time.Second, BackoffBase: 10 * time.Second, BackoffMax: 11 * time.Second,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestBadSettingsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		environment map[string]string
		want        string
	}{
		"no namespace":         {nil, "POD_NAMESPACE must be set"},
		"no duration":          {map[string]string{"GLOBAL_TIMEOUT": "soon"}, "GLOBAL_TIMEOUT must be a duration"},
		"negative duration":    {map[string]string{"APPROVAL_TIMEOUT": "-1s"}, "APPROVAL_TIMEOUT must be a duration"},
		"no failures allowed":  {map[string]string{"CONSECUTIVE_FAILURE_LIMIT": "0"}, "CONSECUTIVE_FAILURE_LIMIT must be a whole number from 1"},
		"cap below its base":   {map[string]string{"BACKOFF_BASE": "1h"}, "BACKOFF_MAX must be at least BACKOFF_BASE"},
		"datastorage elsewise": {map[string]string{"DATA_STORAGE_URL": "ftp://x"}, "DATA_STORAGE_URL must be http(s)"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(test.environment); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}
