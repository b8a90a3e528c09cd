package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubernaut/kubernaut/services/datastorage/datastoragetest"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
	"github.com/kubernaut/kubernaut/services/internal/workflowid"
)

// seed fills the catalogue with what mock-llm proposes.
func (p *platform) seed() {
	for name, parameter := range map[string]string{
		"oomkill-increase-memory-v1": "MEMORY_LIMIT", "crashloop-config-fix-v1": "CONFIG_MAP", "generic-restart-v1": "ACTION", "memory-optimize-v1": "MEMORY_TARGET",
	} {
		workflow := datastoragetest.Workflow(name, "Any", "staging")
		workflow.ContainerImage = "registry.example/" + name + ":1.0.0"
		workflow.Parameters = json.RawMessage(fmt.Sprintf(`[{"name": %q, "required": true}]`, parameter))
		p.storage.Create(workflow)
	}
}

func TestInvestigations(t *testing.T) {
	t.Parallel() // each stop takes the drain delay
	p := start(t)
	p.seed()
	for name, test := range map[string]struct {
		signal     string
		workflow   string
		confidence float64
		reason     holmesgpt.HumanReviewReason
		attempts   int
	}{
		"HG1":              {"OOMKilled", "oomkill-increase-memory-v1", 0.95, "", 1},
		"HG2":              {"CrashLoopBackOff", "crashloop-config-fix-v1", 0.88, "", 1},
		"HG5":              {"NodeNotReady", "", 0, holmesgpt.ReasonWorkflowNotFound, 3},
		"HG6":              {"MOCK_IMAGE_MISMATCH", "", 0, holmesgpt.ReasonImageMismatch, 3},
		"HG7":              {"MOCK_MISSING_PARAMETER", "", 0, holmesgpt.ReasonParameterValidationFailed, 3},
		"HG8":              {"MOCK_NO_WORKFLOW_FOUND", "", 0, holmesgpt.ReasonNoMatchingWorkflows, 1},
		"HG9":              {"MOCK_RCA_INCOMPLETE", "generic-restart-v1", 0.88, holmesgpt.ReasonRCAIncomplete, 1},
		"HG10":             {"MOCK_PROBLEM_RESOLVED", "", 0.85, "", 1},
		"HG11":             {"MOCK_LOW_CONFIDENCE", "generic-restart-v1", 0.35, "", 1},
		"retries over":     {"MOCK_MAX_RETRIES_EXHAUSTED", "", 0, holmesgpt.ReasonLLMParsingError, 3},
		"no special cause": {"DiskFull", "generic-restart-v1", 0.75, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.analyze(holmesgpt.IncidentPath, request(test.signal))
			id := ""
			if got.SelectedWorkflow != nil {
				id = got.SelectedWorkflow.WorkflowID
				if want := "registry.example/" + test.workflow + ":1.0.0"; got.SelectedWorkflow.ContainerImage != want {
					t.Errorf("image: got %q, want %q", got.SelectedWorkflow.ContainerImage, want)
				}
			}
			want := ""
			if test.workflow != "" {
				want = workflowid.New(test.workflow, "staging")
			}
			if id != want || got.Confidence != test.confidence || got.HumanReviewReason != test.reason || len(got.ValidationAttemptsHistory) != test.attempts {
				t.Errorf("got %s, want workflow %s, confidence %v, reason %q, %d attempts", encode(t, got), want, test.confidence, test.reason, test.attempts)
			}
		})
	}
	t.Run("own type before context", func(t *testing.T) {
		asked := request("OOMKilled")
		asked.EnrichmentResults = json.RawMessage(`{"kubernetesContext": {"pod": {"containers": [{"reason": "CrashLoopBackOff"}]}}}`)
		got := p.analyze(holmesgpt.IncidentPath, asked)
		if want := workflowid.New("oomkill-increase-memory-v1", "staging"); got.SelectedWorkflow == nil || got.SelectedWorkflow.WorkflowID != want {
			t.Errorf("got %s, want workflow %s", encode(t, got), want)
		}
	})
}

func TestHG14Recovery(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.seed()
	asked := holmesgpt.RecoveryRequest{
		IncidentRequest: request("DiskFull"), IsRecoveryAttempt: true, RecoveryAttemptNumber: 2, PreviousExecution: &holmesgpt.PreviousExecution{},
	}
	got := p.analyze(holmesgpt.RecoveryPath, asked)
	if got.RecoveryAnalysis == nil || !got.RecoveryAnalysis.PreviousAttemptAssessment.FailureUnderstood || got.SelectedWorkflow == nil ||
		got.SelectedWorkflow.WorkflowID != workflowid.New("memory-optimize-v1", "staging") {
		t.Errorf("got %s, want memory-optimize-v1 and a recovery analysis", encode(t, got))
	}
}

func TestHG3Guard(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.seed()
	body := encode(t, request("OOMKilled"))
	stranger := "system:serviceaccount:default:stranger"
	p.reviews.Token("unbound", stranger)
	for token, want := range map[string]int{"": 401, "garbage": 401, "unbound": 403, "good": 200} {
		for _, path := range []string{holmesgpt.IncidentPath, holmesgpt.RecoveryPath} {
			if want == http.StatusOK && path == holmesgpt.RecoveryPath {
				continue // the body is the other route's
			}
			if status, answer := p.send(http.MethodPost, path, token, body); status != want {
				t.Errorf("%s with token %q: status %d, want %d: %s", path, token, status, want, answer)
			}
		}
	}
	p.reviews.Grant(reviewtest.Permission{User: stranger, Namespace: names.Namespace, Verb: "get", Service: names.HolmesGPTService}, true)
	if status, _ := p.send(http.MethodPost, holmesgpt.IncidentPath, "unbound", body); status != http.StatusForbidden {
		t.Errorf("who may only get posts: status %d, want 403", status)
	}
	p.reviews.Fail("tokenreviews")
	if status, _ := p.send(http.MethodPost, holmesgpt.IncidentPath, "good", body); status != http.StatusInternalServerError {
		t.Errorf("without reviews: status %d, want 500", status)
	}
	p.reviews.Fail("")
	for _, path := range []string{"/health", "/ready", "/config", "/metrics"} {
		if status, _ := p.send(http.MethodGet, path, "", ""); status != http.StatusOK {
			t.Errorf("%s: status %d, want 200 without a token", path, status)
		}
	}
}

func TestHG12ModelDown(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.await("/ready", http.StatusOK)
	p.model.Close()
	p.await("/ready", http.StatusServiceUnavailable)
	status, answer := p.send(http.MethodPost, holmesgpt.IncidentPath, "good", encode(t, request("OOMKilled")))
	if status != http.StatusInternalServerError || !strings.Contains(answer, "language model") {
		t.Errorf("got %d %s, want a 500 that names the model", status, answer)
	}
	if status, _ := p.send(http.MethodGet, "/health", "", ""); status != http.StatusOK {
		t.Errorf("/health: status %d, want 200", status)
	}
}

func TestHG15OneEventPerRequest(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.seed()
	for i, signal := range []string{"OOMKilled", "NodeNotReady"} {
		r := request(signal)
		r.RemediationID = fmt.Sprintf("rr-%d", i)
		p.analyze(holmesgpt.IncidentPath, r)
	}
	p.stop() // delivers what waits
	for _, correlation := range []string{"rr-0", "rr-1"} {
		got := map[names.EventType]int{}
		for _, event := range p.storage.Events(correlation) {
			got[event.Type]++
		}
		want := map[names.EventType]int{names.EventHolmesGPTResponseComplete: 1, names.EventSearchCompleted: 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events of %s (-want +got):\n%s", correlation, diff)
		}
	}
}

func TestConfigHasNoSecret(t *testing.T) {
	t.Parallel()
	p := environment(t)
	p.env["OPENAI_API_KEY"] = "sk-secret"
	p = p.running()
	_, answer := p.send(http.MethodGet, "/config", "", "")
	if strings.Contains(answer, "sk-secret") || !strings.Contains(answer, `"provider":"openai"`) || !strings.Contains(answer, p.model.URL) {
		t.Errorf("got %s, want provider and endpoint without the key", answer)
	}
}

func TestRunRefusesMissingPermission(t *testing.T) {
	p := environment(t)
	p.reviews.Deny(authorizationv1.ResourceAttributes{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"})
	const want = "this pod's ServiceAccount may not create subjectaccessreviews.authorization.k8s.io in the cluster; add the verbs to its Role"
	if got := fmt.Sprint(run(t.Context(), p.env)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStartsWithoutTheAPIServer(t *testing.T) {
	t.Parallel()
	p := environment(t)
	p.reviews.Fail("selfsubjectaccessreviews")
	p = p.running()
	p.await("/ready", http.StatusServiceUnavailable)
	p.reviews.Fail("")
	p.await("/ready", http.StatusOK)
}

func TestRunRefusesSettings(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"all at once": {
			map[string]string{"PORT": "0", "SHUTDOWN_TIMEOUT": "soon", "LLM_PROVIDER": "x", "LLM_ENDPOINT": "nowhere", "DATA_STORAGE_URL": "ftp://x"},
			[]string{"PORT", "SHUTDOWN_TIMEOUT", "LLM_PROVIDER", "LLM_ENDPOINT", "DATA_STORAGE_URL"},
		},
		"no file":       {map[string]string{"CONFIG_FILE": "/nonexistent"}, []string{"CONFIG_FILE"}},
		"no kubeconfig": {map[string]string{"KUBECONFIG": "/nonexistent"}, []string{"/nonexistent"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := environment(t)
			for key, value := range test.env {
				p.env[key] = value
			}
			err := run(t.Context(), p.env)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want an error that names %s", err, want)
				}
			}
		})
	}
}
