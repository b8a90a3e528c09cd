package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

func TestRead(t *testing.T) {
	platform := controller.Settings{Namespace: "ns", MetricsAddress: ":9090", ProbeAddress: ":8081", DataStorageURL: "http://data-storage-service:8080"}
	for name, test := range map[string]struct {
		environment map[string]string
		flags       []string
		want        Config
	}{
		"defaults": {nil, nil, Config{platform, "/etc/signalprocessing/policies", 10 * time.Second, 5}},
		"environment": {
			map[string]string{"POLICY_DIR": "/p", "ENRICHMENT_TIMEOUT": "2s", "MAX_FAILURES": "1"}, nil,
			Config{platform, "/p", 2 * time.Second, 1},
		},
		"flags win": {
			map[string]string{"MAX_FAILURES": "1"}, []string{"--max-failures=7", "--policy-dir=/q"},
			Config{platform, "/q", 10 * time.Second, 7},
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
	_, err := Read(reader(map[string]string{"POD_NAMESPACE": "", "ENRICHMENT_TIMEOUT": "2m", "MAX_FAILURES": "0"}, "--polcy-dir=/p"))
	for _, want := range []string{"POD_NAMESPACE", "ENRICHMENT_TIMEOUT must be at most 1m0s", "MAX_FAILURES", "--polcy-dir"} {
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
