package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/aianalysis/investigation"
	"github.com/kubernaut/kubernaut/services/aianalysis/reconcile"
	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

func TestRead(t *testing.T) {
	platform := controller.Settings{Namespace: "ns", MetricsAddress: ":9090", ProbeAddress: ":8081", DataStorageURL: "http://data-storage-service:8080"}
	defaults := reconcile.Limits{
		Confidence: 0.7, RetryBase: time.Second, RetryMax: 30 * time.Second, Investigating: 5 * time.Minute, Analyzing: time.Minute,
	}
	for name, test := range map[string]struct {
		environment map[string]string
		flags       []string
		want        Config
	}{
		"defaults": {nil, nil, Config{platform, investigation.Config{URL: "http://holmesgpt-api-service:8080", Timeout: time.Minute}, "/etc/aianalysis/policies", defaults}},
		"environment": {
			map[string]string{
				"HOLMESGPT_API_URL": "http://h:1", "HOLMESGPT_API_TIMEOUT": "2s", "CONFIDENCE_THRESHOLD": "0.5", "REGO_POLICY_DIR": "/p",
				"RETRY_BASE": "3s", "RETRY_MAX": "4s", "INVESTIGATING_TIMEOUT": "5s", "ANALYZING_TIMEOUT": "6s",
			}, nil,
			Config{
				platform, investigation.Config{URL: "http://h:1", Timeout: 2 * time.Second}, "/p",
				reconcile.Limits{Confidence: 0.5, RetryBase: 3 * time.Second, RetryMax: 4 * time.Second, Investigating: 5 * time.Second, Analyzing: 6 * time.Second},
			},
		},
		"flags win": {
			map[string]string{"REGO_POLICY_DIR": "/p"}, []string{"--rego-policy-dir=/q", "--confidence-threshold=0.7"},
			Config{platform, investigation.Config{URL: "http://holmesgpt-api-service:8080", Timeout: time.Minute}, "/q", defaults},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(reader(test.environment, test.flags...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadNamesEveryInvalidKey(t *testing.T) {
	_, err := Read(reader(map[string]string{
		"POD_NAMESPACE": "", "CONFIDENCE_THRESHOLD": "NaN", "HOLMESGPT_API_URL": "holmes", "RETRY_MAX": "1ms", "ANALYZING_TIMEOUT": "0s",
	}, "--polcy-dir=/p"))
	for _, want := range []string{
		"POD_NAMESPACE", `CONFIDENCE_THRESHOLD must be a number from 0 to 1, got "NaN"`, "HOLMESGPT_API_URL", "RETRY_MAX must be at least RETRY_BASE, 1s",
		"ANALYZING_TIMEOUT", "--polcy-dir",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want it to name %s", err, want)
		}
	}
}

func reader(environment map[string]string, flags ...string) *settings.Reader {
	return settings.New(func(key string) (string, bool) {
		value, found := environment[key]
		if !found && key == "POD_NAMESPACE" {
			return "ns", true
		}
		return value, found
	}, flags...)
}
