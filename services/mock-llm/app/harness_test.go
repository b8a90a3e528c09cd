package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// service is the whole service on a real listener.
type service struct {
	t   *testing.T
	url string
}

func start(t *testing.T, cfg app.Config) service {
	t.Helper()
	server := app.New(cfg, slog.New(slog.DiscardHandler))
	listener := httptest.NewServer(openapitest.Read(t, description).Watch(t, server.Handler()))
	t.Cleanup(listener.Close)
	return service{t: t, url: listener.URL}
}

// send returns status and body. A failure to get any answer is an error of the test; it may come from any goroutine.
func (s service) send(method, path, body string, header http.Header) (int, []byte) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Error(err)
		return 0, nil
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Error(err)
	}
	return response.StatusCode, content
}

// ok posts a JSON body, wants 200, and decodes the answer into target unless it is nil.
func (s service) ok(path, body string, target any) []byte {
	s.t.Helper()
	status, answer := s.send(http.MethodPost, path, body, nil)
	if status != http.StatusOK {
		s.t.Errorf("POST %s: status %d, want 200: %.300s", path, status, answer)
	}
	if target != nil {
		decode(s.t, answer, target)
	}
	return answer
}

func decode(t *testing.T, document []byte, target any) {
	t.Helper()
	if err := json.Unmarshal(document, target); err != nil {
		t.Errorf("%v in %.300s", err, document)
	}
}

// tools is what a client offers, in the form that both APIs share.
const tools = `[{"type": "function", "function": {"name": "search_workflow_catalog", "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}}}]`

// first is the body of a conversation's first request in the form that both chat routes take.
func first(prompt string) string {
	return encode(map[string]any{"model": "m", "messages": opening(prompt), "tools": json.RawMessage(tools)})
}

// second is the body of the request that follows the tool call.
func second(prompt string) string {
	messages := append(opening(prompt), map[string]any{"role": "assistant", "content": ""},
		map[string]any{"role": "tool", "tool_call_id": "call_1", "content": `{"workflows": []}`})
	return encode(map[string]any{"model": "m", "messages": messages, "tools": json.RawMessage(tools)})
}

// plain offers no tools.
func plain(prompt string) string {
	return encode(map[string]any{"model": "m", "messages": opening(prompt)})
}

func opening(prompt string) []map[string]any {
	return []map[string]any{{"role": "system", "content": "You look for root causes."}, {"role": "user", "content": prompt}}
}

func encode(value any) string {
	var text bytes.Buffer
	// Maps of strings always encode.
	_ = json.NewEncoder(&text).Encode(value)
	return text.String()
}

// completion is what a test reads of OpenAI's answer.
type completion struct {
	Choices []struct {
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content   *string `json:"content"`
			ToolCalls []struct {
				ID       string `json:"id"`
				Type     string `json:"type"`
				Function struct {
					Name      string `json:"name"`
					Arguments string `json:"arguments"`
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"message"`
	} `json:"choices"`
}

// analysis decodes the final analysis.
func (c completion) analysis(t *testing.T) dialog.Analysis {
	t.Helper()
	var result dialog.Analysis
	if len(c.Choices) != 1 || c.Choices[0].Message.Content == nil {
		t.Errorf("want one choice with a content, got %+v", c)
		return result
	}
	decode(t, []byte(*c.Choices[0].Message.Content), &result)
	return result
}
