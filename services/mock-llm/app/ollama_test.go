package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// ollamaAnswer is what a test reads of both Ollama answers.
type ollamaAnswer struct {
	Model    string `json:"model"`
	Done     bool   `json:"done"`
	Reason   string `json:"done_reason"`
	Response string `json:"response"`
	Message  struct {
		Role      string `json:"role"`
		Content   string `json:"content"`
		ToolCalls []struct {
			Function struct {
				Name      string            `json:"name"`
				Arguments map[string]string `json:"arguments"`
			} `json:"function"`
		} `json:"tool_calls"`
	} `json:"message"`
}

func TestML8OllamaChat(t *testing.T) {
	s := start(t, app.Config{})
	var asked, answered, text ollamaAnswer
	s.ok("/api/chat", first("CrashLoopBackOff"), &asked)
	calls := asked.Message.ToolCalls
	if len(calls) != 1 || calls[0].Function.Name != names.SearchWorkflowCatalogTool || calls[0].Function.Arguments["query"] != "CrashLoopBackOff high" {
		t.Errorf("first turn: got %+v, want one search for CrashLoopBackOff high", asked)
	}
	s.ok("/api/chat", second("CrashLoopBackOff"), &answered)
	var analysis dialog.Analysis
	decode(t, []byte(answered.Message.Content), &analysis)
	if diff := cmp.Diff(0.88, analysis.Confidence); diff != "" {
		t.Errorf("second turn: confidence (-want +got):\n%s", diff)
	}
	s.ok("/api/chat", plain("CrashLoopBackOff"), &text)
	for name, got := range map[string]ollamaAnswer{"first": asked, "second": answered, "text": text} {
		if got.Model != "m" || !got.Done || got.Reason != "stop" || got.Message.Role != "assistant" {
			t.Errorf("%s turn: got %+v, want a finished answer of model m", name, got)
		}
	}
	if !strings.Contains(text.Message.Content, "```json") || len(text.Message.ToolCalls) > 0 {
		t.Errorf("without tools: got %+v, want text", text.Message)
	}
}

func TestML8OllamaGenerate(t *testing.T) {
	s := start(t, app.Config{})
	var plainly, fromSystem ollamaAnswer
	body := s.ok("/api/generate", `{"prompt": "NodeNotReady", "stream": true}`, &plainly)
	if plainly.Model != dialog.DefaultModel || !plainly.Done || !strings.Contains(plainly.Response, `"signal_type": "NodeNotReady"`) {
		t.Errorf("got %s, want a finished diagnosis of NodeNotReady by %s", body, dialog.DefaultModel)
	}
	if lines := bytes.Count(body, []byte("\n")); lines != 1 || !bytes.HasSuffix(body, []byte("\n")) {
		t.Errorf("got %d lines, want the single line that clients which stream read", lines)
	}
	s.ok("/api/generate", `{"system": "OOMKilled", "prompt": "investigate"}`, &fromSystem)
	if !strings.Contains(fromSystem.Response, `"signal_type": "OOMKilled"`) {
		t.Errorf("the system text has no effect: %s", fromSystem.Response)
	}
}

func TestModelLists(t *testing.T) {
	s := start(t, app.Config{})
	for path, want := range map[string]string{"/v1/models": "data", "/api/tags": "models"} {
		status, body := s.send(http.MethodGet, path, "", nil)
		var lists map[string]json.RawMessage
		decode(t, body, &lists)
		var models []struct{ ID, Name string }
		decode(t, lists[want], &models)
		if status != http.StatusOK || len(models) != 1 || models[0].ID+models[0].Name != dialog.DefaultModel {
			t.Errorf("%s: status %d, want one model %s under %q: %s", path, status, dialog.DefaultModel, want, body)
		}
	}
}
