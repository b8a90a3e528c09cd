package platform_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/e2e/internal/platform"
)

func TestReadEnvironment(t *testing.T) {
	full := map[string]string{
		"KUBECONFIG": "/k", "E2E_NAMESPACE": "ns", "GATEWAY_URL": "http://127.0.0.1:1/", "DATA_STORAGE_URL": "http://127.0.0.1:2", "E2E_OUTPUT_DIR": "/out",
	}
	got, err := platform.ReadEnvironment("gateway", lookup(full), platform.GatewayURL, platform.DataStorageURL)
	if err != nil {
		t.Fatal(err)
	}
	want := platform.Environment{
		Kubeconfig: "/k", Namespace: "ns", OutputDir: "/out",
		URLs: map[string]string{"GATEWAY_URL": "http://127.0.0.1:1", "DATA_STORAGE_URL": "http://127.0.0.1:2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestReadEnvironmentNamesWhatIsMissing(t *testing.T) {
	_, err := platform.ReadEnvironment("gateway", lookup(map[string]string{
		"KUBECONFIG": "/k", "E2E_NAMESPACE": "ns", "DATA_STORAGE_URL": "", "E2E_OUTPUT_DIR": "/out",
	}), platform.GatewayURL, platform.DataStorageURL)
	want := "the suite needs a deployed platform, but GATEWAY_URL, DATA_STORAGE_URL is not set; run it by: bazel run //test/e2e:gateway"
	if err == nil || err.Error() != want {
		t.Errorf("error: got %v, want %s", err, want)
	}
}

func TestReadEnvironmentLeavesOutWhatTheSuiteDoesNotCall(t *testing.T) {
	got, err := platform.ReadEnvironment("datastorage", lookup(map[string]string{
		"KUBECONFIG": "/k", "E2E_NAMESPACE": "ns", "GATEWAY_URL": "http://127.0.0.1:1", "DATA_STORAGE_URL": "http://127.0.0.1:2", "E2E_OUTPUT_DIR": "/out",
	}), platform.DataStorageURL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"DATA_STORAGE_URL": "http://127.0.0.1:2"}, got.URLs); diff != "" {
		t.Errorf("URLs (-want +got):\n%s", diff)
	}
}

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}
