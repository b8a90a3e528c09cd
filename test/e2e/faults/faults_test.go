package faults_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Where the set of all suites of this package is, as Bazel's runfiles name it.
const (
	program = "_main/test/e2e/faults/all.slipway"
	plan    = "_main/test/e2e/faults/all.plan.json"
)

const (
	deliveryFailed = 3    // slipway's exit code
	longest        = 60.0 // seconds from a suite's first object to the message that names its fault
)

// causes are the words that each suite's error must have: where, what, and for a crash the program's own last word.
var causes = map[string][]string{
	"wrong-flag":           {"deployment/gateway", "CrashLoopBackOff", "flag provided but not defined: -confg"},
	"wrong-command":        {"deployment/gateway", "/gatway", "no such file or directory"},
	"missing-verb-gateway": {"deployment/gateway", "CrashLoopBackOff", "ServiceAccount may not delete leases.coordination.k8s.io in"},
	"missing-verb":         {"deployment/signalprocessing", "CrashLoopBackOff", "ServiceAccount may not watch signalprocessings.kubernaut.ai in"},
	"wrong-env-name":       {"deployment/signalprocessing", "CrashLoopBackOff", "POD_NAMESPACE must be set"},
	"wrong-env-value":      {"deployment/signalprocessing", "CrashLoopBackOff", "DATA_STORAGE_URL must be http(s)://host[:port]", "ftp://x"},
	"absent-secret":        {"deployment/datastorage", `reads the Secret "datastorage-database"`, "neither the manifests nor namespace"},
	"absent-configmap":     {"deployment/gateway", `reads the ConfigMap "gatewy"`, "neither the manifests nor namespace"},
	"broken-policy":        {"deployment/signalprocessing", "not ready", "severity.rego", "rego_parse_error"},
}

// report is what slipway --report says, as far as it is read here.
type report struct {
	ExitCode int `json:"exitCode"`
	Suites   []struct {
		Name          string  `json:"name"`
		State         string  `json:"state"`
		DeploySeconds float64 `json:"deploySeconds"`
		Error         string  `json:"error"`
	} `json:"suites"`
	Disk struct {
		PeakBytes int64  `json:"peakBytes"`
		PeakPhase string `json:"peakPhase"`
	} `json:"disk"`
}

// TestFaults runs all suites in one cluster, as bazel run //test/e2e/faults:all does.
func TestFaults(t *testing.T) {
	got, stderr := slipway(t)
	if got.ExitCode != deliveryFailed {
		t.Errorf("exit code in the report: got %d, want %d", got.ExitCode, deliveryFailed)
	}
	if len(got.Suites) != len(causes) {
		t.Errorf("got %d suites, want %d", len(got.Suites), len(causes))
	}
	for _, suite := range got.Suites {
		t.Run(suite.Name, func(t *testing.T) {
			words, known := causes[suite.Name]
			if !known || suite.State != "failed" {
				t.Errorf("state: got %q, want a failed suite with a known cause", suite.State)
			}
			for _, word := range words {
				if !strings.Contains(suite.Error, word) || !strings.Contains(stderr, word) {
					t.Errorf("report and standard error must have %q, got\n%s", word, suite.Error)
				}
			}
			if suite.DeploySeconds >= longest {
				t.Errorf("deployed for %.1f s, want less than %.0f", suite.DeploySeconds, longest)
			}
		})
	}
}

// TestDiskBudget: a cluster, or images and pods in one that is there, take more than 1 MB. Where the run is stopped depends on that.
func TestDiskBudget(t *testing.T) {
	got, stderr := slipway(t, "--disk-budget=1MB")
	if got.ExitCode != deliveryFailed || got.Disk.PeakBytes <= 1e6 || got.Disk.PeakPhase == "" {
		t.Errorf("got exit code %d, a peak of %d bytes in phase %q; want %d, more than a million, and a phase", got.ExitCode, got.Disk.PeakBytes, got.Disk.PeakPhase, deliveryFailed)
	}
	for _, want := range []string{"error: exceeding the disk budget of 1.0 MB: the run took ", `, in phase "`, "; most grew: ", "-- --disk-budget="} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error must have %q", want)
		}
	}
}

// slipway runs the set as any run of suites: by the same environment, and with the same rules for the cluster.
func slipway(t *testing.T, flags ...string) (found report, stderr string) {
	t.Helper()
	path, err := runfiles.Rlocation(program)
	if err != nil {
		t.Fatalf("%v; run it by: bazel test --config=e2e //test/e2e/faults:faults_test", err)
	}
	environment, err := runfiles.Env()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	// In a registry there is nothing of these suites to see.
	command := exec.CommandContext(t.Context(), path, append([]string{"--plan=" + plan, "--destination=kind", "--report=" + file}, flags...)...)
	command.Env = append(os.Environ(), environment...)
	var text bytes.Buffer
	command.Stdout, command.Stderr = os.Stdout, io.MultiWriter(&text, os.Stderr)
	var exit *exec.ExitError
	if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != deliveryFailed {
		t.Errorf("slipway: got %v, want exit code %d", err, deliveryFailed)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &found); err != nil {
		t.Fatal(err)
	}
	return found, text.String()
}
