package llm_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm/llmtest"
)

func newClient(t *testing.T, cfg llm.Config) *llm.Client {
	t.Helper()
	cfg.Model = "a-model"
	client, err := llm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func conversation() []llm.Message {
	return []llm.Message{
		{Role: llm.System, Text: "rules"},
		{Role: llm.User, Text: "signal"},
		{Role: llm.Assistant, Calls: []llm.Call{{ID: "call_1", Tool: "search", Arguments: `{"query":"x"}`}}},
		{Role: llm.ToolRole, CallID: "call_1", Text: `{"workflows":[]}`},
	}
}

func TestCompleteSendsTheConversation(t *testing.T) {
	server := llmtest.Start(t, llmtest.Reply{Text: "done"}, llmtest.Reply{Tool: "search", Arguments: "{"})
	client := newClient(t, llm.Config{Endpoint: server.URL(), Key: "sk-1"})
	got, err := client.Complete(t.Context(), conversation(), []llm.Tool{{Name: "search", Parameters: map[string]any{"type": "object"}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(llm.Message{Role: llm.Assistant, Text: "done"}, got); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if got, err = client.Complete(t.Context(), conversation(), nil); err != nil {
		t.Fatal(err)
	}
	want := llm.Message{Role: llm.Assistant, Calls: []llm.Call{{ID: "call_1", Tool: "search", Arguments: "{"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	asked := server.Requests()
	if asked[0].Path != "/v1/chat/completions" || asked[0].Authorization != "Bearer sk-1" || asked[0].Model != "a-model" {
		t.Errorf("request: got %+v", asked[0])
	}
	if len(asked[0].Tools) != 1 || asked[0].Tools[0].Function.Name != "search" || len(asked[1].Tools) != 0 {
		t.Errorf("tools: got %+v, then %+v", asked[0].Tools, asked[1].Tools)
	}
	var roles []string
	for _, message := range asked[0].Messages {
		roles = append(roles, message.Role+":"+message.Content+message.ToolCallID)
	}
	if diff := cmp.Diff([]string{"system:rules", "user:signal", "assistant:", `tool:{"workflows":[]}call_1`}, roles); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if calls := asked[0].Messages[2].ToolCalls; len(calls) != 1 || calls[0].ID != "call_1" || calls[0].Function.Arguments != `{"query":"x"}` {
		t.Errorf("calls of the assistant: got %+v", calls)
	}
}

// The client library would read these; the configuration alone must hold.
func TestEnvironmentOfTheLibraryIsNotRead(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-environment")
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
	server := llmtest.Start(t, llmtest.Reply{Text: "done"})
	if _, err := newClient(t, llm.Config{Endpoint: server.URL() + "/openai/v7/"}).Complete(t.Context(), conversation(), nil); err != nil {
		t.Fatal(err)
	}
	if got := server.Requests()[0]; got.Authorization != "" || got.Path != "/openai/v7/chat/completions" {
		t.Errorf("got authorization %q and path %s, want none and the endpoint's own", got.Authorization, got.Path)
	}
}

func TestKeyFileIsReadAtEveryCall(t *testing.T) {
	server := llmtest.Start(t, llmtest.Reply{Text: "done"})
	file := filepath.Join(t.TempDir(), "key")
	client := newClient(t, llm.Config{Endpoint: server.URL(), KeyFile: file})
	if _, err := client.Complete(t.Context(), conversation(), nil); !errors.Is(err, llm.ErrNoAnswer) {
		t.Errorf("without the file: got %v, want ErrNoAnswer", err)
	}
	for _, key := range []string{"sk-1", "sk-2"} {
		if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Complete(t.Context(), conversation(), nil); err != nil {
			t.Fatal(err)
		}
	}
	asked := server.Requests()
	if len(asked) != 2 || asked[0].Authorization != "Bearer sk-1" || asked[1].Authorization != "Bearer sk-2" {
		t.Errorf("got %+v, want each key once", asked)
	}
}

func TestFailures(t *testing.T) {
	huge := strings.Repeat("x", 5<<20)
	for name, reply := range map[string]llmtest.Reply{
		"refused key": {Status: http.StatusUnauthorized, Body: `{"error": {"message": "sk-secret is not valid"}}`},
		"bad request": {Status: http.StatusBadRequest, Body: "no"},
		"not JSON":    {Status: http.StatusOK, Body: "<html>"},
		"no choices":  {Status: http.StatusOK, Body: `{"choices": []}`},
		"endless":     {Text: huge},
	} {
		t.Run(name, func(t *testing.T) {
			server := llmtest.Start(t, reply)
			_, err := newClient(t, llm.Config{Endpoint: server.URL(), Key: "sk-secret"}).Complete(t.Context(), conversation(), nil)
			if !errors.Is(err, llm.ErrNoAnswer) {
				t.Errorf("got %v, want ErrNoAnswer", err)
			}
			if strings.Contains(err.Error(), "sk-secret") || len(err.Error()) > 1000 {
				t.Errorf("the error quotes the key or the answer: %.300v", err)
			}
		})
	}
}

func TestServerErrorsAreTriedAgain(t *testing.T) {
	server := llmtest.Start(t, llmtest.Reply{Status: http.StatusServiceUnavailable, Body: "{}"}, llmtest.Reply{Text: "done"})
	got, err := newClient(t, llm.Config{Endpoint: server.URL()}).Complete(t.Context(), conversation(), nil)
	if err != nil || got.Text != "done" || len(server.Requests()) != 2 {
		t.Errorf("got %+v, error %v after %d requests, want done after 2", got, err, len(server.Requests()))
	}
}

func TestTimeout(t *testing.T) {
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(ended) })
	_, err := newClient(t, llm.Config{Endpoint: server.URL, Timeout: 50 * time.Millisecond}).Complete(t.Context(), conversation(), nil)
	if !errors.Is(err, llm.ErrNoAnswer) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrNoAnswer for want of time", err)
	}
}

func TestReachable(t *testing.T) {
	server := llmtest.Start(t)
	client := newClient(t, llm.Config{Endpoint: server.URL()})
	if err := client.Reachable(t.Context()); err != nil {
		t.Errorf("up: got %v", err)
	}
	server.Stop()
	var refused *net.OpError
	if err := client.Reachable(t.Context()); !errors.As(err, &refused) {
		t.Errorf("down: got %v, want a refused connection", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, endpoint := range []string{"", "mock-llm", "http://", "://x"} {
		if _, err := llm.New(llm.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%q: got no error", endpoint)
		}
	}
}
