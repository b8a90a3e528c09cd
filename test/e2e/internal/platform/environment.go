// Package platform is the deployed platform as a suite sees it: its addresses and its Kubernetes cluster.
//
// The runner hands everything over in environment variables, so that a suite knows neither how the cluster was made nor
// which host ports it got. Every object that a suite makes carries the run's id in its name and is removed at the end,
// because clusters are reused.
//
// Not a goal: building, delivering or deploying anything. That is over when the suite starts.
package platform

import (
	"fmt"
	"strings"
)

// Environment variables that the runner sets for every suite.
const (
	KubeconfigVar = "KUBECONFIG"
	NamespaceVar  = "E2E_NAMESPACE"
	OutputDirVar  = "E2E_OUTPUT_DIR"
)

// Environment variables that the runner sets for a suite that exposes the service.
const (
	GatewayURL     = "GATEWAY_URL"
	DataStorageURL = "DATA_STORAGE_URL"
	HolmesGPTURL   = "HOLMESGPT_API_URL"
	MockLLMURL     = "MOCK_LLM_URL"
	ReceiverURL    = "RECEIVER_URL"
)

// Environment is where the platform is.
type Environment struct {
	Kubeconfig string            // file
	Namespace  string            // of the platform
	URLs       map[string]string // by variable, without a trailing slash
	OutputDir  string            // for files that a human reads after a failure
}

// ReadEnvironment reads the variables by lookup, urls being those of the services that the suite calls. All are required;
// the error names each that is missing, and how to run the suite.
func ReadEnvironment(suite string, lookup func(string) (string, bool), urls ...string) (Environment, error) {
	var missing []string
	read := func(name string) string {
		value, _ := lookup(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	env := Environment{
		Kubeconfig: read(KubeconfigVar),
		Namespace:  read(NamespaceVar),
		URLs:       map[string]string{},
		OutputDir:  read(OutputDirVar),
	}
	for _, name := range urls {
		env.URLs[name] = strings.TrimSuffix(read(name), "/")
	}
	if len(missing) > 0 {
		return Environment{}, fmt.Errorf("the suite needs a deployed platform, but %s is not set; run it by: bazel run //test/e2e:%s",
			strings.Join(missing, ", "), suite)
	}
	return env, nil
}
