package holmesgptapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

const (
	completionsPath = "/v1/chat/completions"
	shortPath       = "/chat/completions"
)

// turn is how far a conversation has come.
type turn int

const (
	plain    turn = iota // no tools are offered
	first                // tools are offered
	answered             // the tool has answered
)

// say returns a request of a conversation about a prompt.
func say(path, prompt string, at turn) wire.Request {
	messages := []map[string]any{{"role": "system", "content": "You look for root causes."}, {"role": "user", "content": prompt}}
	if at == answered {
		messages = append(messages, map[string]any{"role": "assistant", "content": ""},
			map[string]any{"role": "tool", "tool_call_id": "call_1", "content": `{"workflows": []}`})
	}
	body := map[string]any{"model": "m", "messages": messages}
	if at != plain {
		function := map[string]any{"name": api.SearchWorkflowCatalogTool, "parameters": map[string]any{"type": "object"}}
		body["tools"] = []any{map[string]any{"type": "function", "function": function}}
	}
	return records.Caller{}.Request(http.MethodPost, path, body)
}

// completion is what the suite reads of an answer.
type completion struct {
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content   string
			ToolCalls []struct {
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
	}
}

// analysis is what the suite reads of a final answer.
type analysis struct {
	Confidence       float64
	SelectedWorkflow *struct {
		WorkflowID string `json:"workflow_id"`
	} `json:"selected_workflow"`
	AffectedResource *struct{ Kind string } `json:"affectedResource"`
	Attempts         []any                  `json:"validation_attempts_history"`
}

func (s *suite) complete(t *testing.T, request wire.Request) (got completion) {
	t.Helper()
	response, err := s.model.Want(t.Context(), http.StatusOK, request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.JSON(&got); err != nil || len(got.Choices) != 1 {
		t.Fatalf("got %s, error %v, want one choice", response.Body, err)
	}
	return got
}

func (s *suite) conclude(t *testing.T, prompt string) (got analysis) {
	t.Helper()
	content := s.complete(t, say(completionsPath, prompt, answered)).Choices[0].Message.Content
	if err := json.Unmarshal([]byte(content), &got); err != nil {
		t.Fatalf("%v in %s", err, content)
	}
	return got
}

// scenarios is the table that the platform's suites rely on.
func (s *suite) scenarios(t *testing.T) {
	for prompt, want := range map[string]struct {
		query, workflow string
		confidence      float64
	}{
		"Signal: OOMKilled":          {"OOMKilled critical", "oomkill-increase-memory-v1", 0.95},
		"Signal: CrashLoopBackOff":   {"CrashLoopBackOff high", "crashloop-config-fix-v1", 0.88},
		"Signal: NodeNotReady":       {"NodeNotReady critical", "node-drain-reboot-v1", 0.90},
		"Recovery attempt 2":         {"OOMKilled critical", "memory-optimize-v1", 0.85},
		"Signal: TestSignal":         {"TestSignal critical", "test-signal-handler-v1", 0.90},
		"MOCK_LOW_CONFIDENCE":        {"MOCK_LOW_CONFIDENCE critical", "generic-restart-v1", 0.35},
		"MOCK_RCA_INCOMPLETE":        {"MOCK_RCA_INCOMPLETE critical", "generic-restart-v1", 0.88},
		"MOCK_NO_WORKFLOW_FOUND":     {"MOCK_NO_WORKFLOW_FOUND critical", "", 0},
		"MOCK_PROBLEM_RESOLVED":      {"MOCK_PROBLEM_RESOLVED low", "", 0.85},
		"MOCK_NOT_REPRODUCIBLE":      {"MOCK_PROBLEM_RESOLVED low", "", 0.85},
		"MOCK_MAX_RETRIES_EXHAUSTED": {"MOCK_MAX_RETRIES_EXHAUSTED high", "", 0},
		"MOCK_IMAGE_MISMATCH":        {"MOCK_IMAGE_MISMATCH high", "generic-restart-v1", 0.90},
		"MOCK_MISSING_PARAMETER":     {"MOCK_MISSING_PARAMETER high", "generic-restart-v1", 0.90},
		"Signal: DiskFull":           {"Unknown medium", "generic-restart-v1", 0.75},
	} {
		t.Run("ML1_"+strings.ReplaceAll(strings.TrimPrefix(prompt, "Signal: "), " ", "_"), func(t *testing.T) {
			calls := s.complete(t, say(completionsPath, prompt, first)).Choices[0].Message.ToolCalls
			if len(calls) != 1 || calls[0].Function.Name != api.SearchWorkflowCatalogTool || calls[0].Function.Arguments != fmt.Sprintf(`{"query":%q}`, want.query) {
				t.Errorf("tool calls: got %+v, want a search for %q", calls, want.query)
			}
			got, id := s.conclude(t, prompt), ""
			if want.workflow != "" {
				id = records.WorkflowID(want.workflow, "production")
			}
			if got.Confidence != want.confidence || got.id() != id {
				t.Errorf("got confidence %v and workflow %q, want %v and %q", got.Confidence, got.id(), want.confidence, id)
			}
			if missing := got.AffectedResource == nil; missing != (prompt == "MOCK_RCA_INCOMPLETE") {
				t.Errorf("affected resource: got %+v", got.AffectedResource)
			}
			if attempts := len(got.Attempts); (attempts == 3) != (prompt == "MOCK_MAX_RETRIES_EXHAUSTED") {
				t.Errorf("got %d attempts", attempts)
			}
		})
	}
}

func (a analysis) id() string {
	if a.SelectedWorkflow == nil {
		return ""
	}
	return a.SelectedWorkflow.WorkflowID
}

func (s *suite) modelIDs(t *testing.T) {
	for prompt, want := range map[string]string{
		"OOMKilled\nenvironment: production":     "588c0d01-ef83-5a78-ac19-4af9089b7776",
		"OOMKilled":                              "588c0d01-ef83-5a78-ac19-4af9089b7776",
		"CrashLoopBackOff\nEnvironment: staging": "337c905a-67f0-5376-b96d-b9a37d380401",
		"DiskFull\nenvironment: production":      "a77dd1d4-a5f0-527b-b39a-afb796371a76",
		"OOMKilled\nenvironment: " + s.Run:       records.WorkflowID("oomkill-increase-memory-v1", s.Run),
	} {
		if got := s.conclude(t, prompt).id(); got != want {
			t.Errorf("%q: got %s, want %s", prompt, got, want)
		}
	}
}

func (s *suite) finishReason(t *testing.T) {
	for at, want := range map[turn]string{plain: "stop", first: "tool_calls", answered: "stop"} {
		got := s.complete(t, say(completionsPath, "OOMKilled", at)).Choices[0]
		if calls := len(got.Message.ToolCalls); got.FinishReason != want || (calls == 1) != (want == "tool_calls") || (got.Message.Content == "") != (calls == 1) {
			t.Errorf("turn %d: got %+v, want finish_reason %s", at, got, want)
		}
	}
}

func (s *suite) mockWords(t *testing.T) {
	for _, prompt := range []string{"OOMKilled MOCK_LOW_CONFIDENCE", "mock_low_confidence OOMKilled", "oomkilled, mock low confidence"} {
		if got := s.conclude(t, prompt).Confidence; got != 0.35 {
			t.Errorf("%q: got confidence %v, want 0.35", prompt, got)
		}
	}
}

// bytes returns the whole answer.
func (s *suite) bytes(t *testing.T, request wire.Request) string {
	t.Helper()
	response, err := s.model.Want(t.Context(), http.StatusOK, request)
	if err != nil {
		t.Fatal(err)
	}
	return response.Body
}

func (s *suite) bothPaths(t *testing.T) {
	for _, at := range []turn{plain, first, answered} {
		if diff := contrast.Diff(s.bytes(t, say(completionsPath, "OOMKilled", at)), s.bytes(t, say(shortPath, "OOMKilled", at))); diff != "" {
			t.Errorf("turn %d (-with v1 +without):\n%s", at, diff)
		}
	}
}

func (s *suite) ollama(t *testing.T) {
	var chat struct {
		Done    bool
		Message struct {
			ToolCalls []struct {
				Function struct{ Name string }
			} `json:"tool_calls"`
		}
	}
	if err := json.Unmarshal([]byte(s.bytes(t, say("/api/chat", "OOMKilled", first))), &chat); err != nil {
		t.Fatal(err)
	}
	if calls := chat.Message.ToolCalls; !chat.Done || len(calls) != 1 || calls[0].Function.Name != api.SearchWorkflowCatalogTool {
		t.Errorf("/api/chat: got %+v, want a search", chat)
	}
	var generated struct{ Response string }
	generate := records.Caller{}.Request(http.MethodPost, "/api/generate", map[string]string{"model": "m", "prompt": "OOMKilled"})
	if err := json.Unmarshal([]byte(s.bytes(t, generate)), &generated); err != nil || !strings.Contains(generated.Response, "root_cause_analysis") {
		t.Errorf("/api/generate: got %+v, error %v, want an analysis", generated, err)
	}
	for path, list := range map[string]string{"/api/tags": `"models"`, "/v1/models": `"object":"list"`} {
		if got := s.bytes(t, wire.Request{Path: path}); !strings.Contains(got, list) {
			t.Errorf("%s: got %s, want %s", path, got, list)
		}
	}
}

func (s *suite) brokenJSON(t *testing.T) {
	for _, path := range []string{completionsPath, shortPath, "/api/chat", "/api/generate"} {
		wantProblem(t, s.model, wire.Request{Method: http.MethodPost, Path: path, Body: `{"messages": [`}, http.StatusBadRequest)
	}
}

func (s *suite) unknownPath(t *testing.T) {
	for _, request := range []wire.Request{{Path: "/"}, {Path: "/v2/models"}, {Method: http.MethodPost, Path: "/v1/completions", Body: "{}"}} {
		wantProblem(t, s.model, request, http.StatusNotFound)
	}
}

func (s *suite) parallelModel(t *testing.T) {
	want := map[string]string{}
	for _, prompt := range []string{"OOMKilled", "CrashLoopBackOff", "NodeNotReady", "MOCK_LOW_CONFIDENCE", "DiskFull"} {
		want[prompt] = s.bytes(t, say(completionsPath, prompt, answered))
	}
	var all sync.WaitGroup
	for range 10 {
		for prompt, alone := range want {
			all.Go(func() {
				response, err := s.model.Want(t.Context(), http.StatusOK, say(completionsPath, prompt, answered))
				if err != nil {
					t.Error(err)
				}
				if diff := contrast.Diff(alone, response.Body); diff != "" {
					t.Errorf("%s (-alone +in parallel):\n%s", prompt, diff)
				}
			})
		}
	}
	all.Wait()
}
