package controller

import (
	"net"
	"strconv"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
)

// Settings are what every controller takes from its environment.
type Settings struct {
	// Namespace is POD_NAMESPACE: where the custom resources are. Required.
	Namespace string
	// Kubeconfig is KUBECONFIG; empty means the pod's own account.
	Kubeconfig string
	// MetricsAddress and ProbeAddress are METRICS_BIND_ADDRESS (:9090) and HEALTH_PROBE_BIND_ADDRESS (:8081); "0" turns
	// one off.
	MetricsAddress, ProbeAddress string
	// DataStorageURL is DATA_STORAGE_URL, by default datastorage's Service in the own namespace.
	DataStorageURL string
	// LeaderElect is LEADER_ELECT, by default false: a Deployment of one replica needs no election.
	LeaderElect bool
}

// ReadSettings reads them; ask env.Err after all keys are read.
func ReadSettings(env *settings.Reader) Settings {
	return Settings{
		Namespace:      env.Required("POD_NAMESPACE"),
		Kubeconfig:     env.String("KUBECONFIG", ""),
		MetricsAddress: env.String("METRICS_BIND_ADDRESS", port(names.MetricsPort)),
		ProbeAddress:   env.String("HEALTH_PROBE_BIND_ADDRESS", port(names.ProbePort)),
		DataStorageURL: env.URL("DATA_STORAGE_URL", names.ServiceURL(names.DataStorageService)),
		LeaderElect:    env.Bool("LEADER_ELECT", false),
	}
}

func port(number int) string { return net.JoinHostPort("", strconv.Itoa(number)) }
