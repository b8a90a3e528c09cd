package controller_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubernaut/kubernaut/services/internal/controller"
	"github.com/kubernaut/kubernaut/services/internal/permission"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

func lookup(values map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) { value, found := values[key]; return value, found }
}

func TestReadSettings(t *testing.T) {
	env := settings.New(lookup(map[string]string{"POD_NAMESPACE": "ns"}), "--metrics-bind-address=0")
	got := controller.ReadSettings(env)
	want := controller.Settings{Namespace: "ns", MetricsAddress: "0", ProbeAddress: ":8081", DataStorageURL: "http://data-storage-service:8080"}
	if diff := cmp.Diff(want, got); diff != "" || env.Err() != nil {
		t.Errorf("error %v, settings (-want +got):\n%s", env.Err(), diff)
	}
}

func TestReadSettingsNamesEveryInvalidKey(t *testing.T) {
	env := settings.New(lookup(map[string]string{"DATA_STORAGE_URL": "ftp://x", "LEADER_ELECT": "perhaps"}))
	controller.ReadSettings(env)
	for _, key := range []string{"POD_NAMESPACE must be set", "DATA_STORAGE_URL must be", "LEADER_ELECT must be"} {
		if err := env.Err(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error: got %v, want %q in it", err, key)
		}
	}
}

// A verb that is missing ends the start, with the verb in the message, before anything is watched.
func TestRunRefusesToStartWithoutAPermission(t *testing.T) {
	api := reviewtest.Start(t)
	api.Deny(authorizationv1.ResourceAttributes{Namespace: "ns", Verb: "watch", Resource: "pods"})
	err := controller.Run(t.Context(), controller.Config{
		Name:        "foo",
		Settings:    controller.Settings{Namespace: "ns", Kubeconfig: api.Kubeconfig(t), DataStorageURL: "http://127.0.0.1:1"},
		Permissions: []permission.Rule{{Namespace: "ns", Resource: "pods", Verbs: []string{"watch"}}},
	}, func(controller.Platform) error {
		t.Error("set-up was called")
		return nil
	})
	want := "this pod's ServiceAccount may not watch pods in ns; add the verbs to its Role"
	if err == nil || err.Error() != want {
		t.Errorf("error: got %v, want %s", err, want)
	}
}
