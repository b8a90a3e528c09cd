// Package llmtest gives tests a server that speaks OpenAI's chat completions from a script. Unlike mock-llm it can say
// anything, nonsense and failures included.
package llmtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Reply is one answer of the script; zero fields are left out.
type Reply struct {
	// Text of the message.
	Text string
	// Tool and Arguments make the answer one call of that tool.
	Tool, Arguments string
	// Status and Body replace the whole answer when Status is not 0.
	Status int
	Body   string
}

// Request is what the server was asked.
type Request struct {
	Path, Authorization string
	Model               string
	Messages            []struct {
		Role       string
		Content    string
		ToolCallID string `json:"tool_call_id"`
		ToolCalls  []struct {
			ID       string
			Function struct{ Name, Arguments string }
		} `json:"tool_calls"`
	}
	Tools []struct{ Function struct{ Name string } }
}

// Server is safe for concurrent use.
type Server struct {
	t    testing.TB
	http *httptest.Server

	mu       sync.Mutex
	script   []Reply
	requests []Request
}

// Start returns a server that gives the replies one after the other and the last one again and again. It ends with the
// test.
func Start(t testing.TB, script ...Reply) *Server {
	s := &Server{t: t, script: script}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.http.Close)
	return s
}

// URL is the endpoint, without /v1.
func (s *Server) URL() string { return s.http.URL }

// Stop takes the server away; its address refuses connections from then on.
func (s *Server) Stop() { s.http.Close() }

// Requests returns what was asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	request := Request{Path: r.URL.Path, Authorization: r.Header.Get("Authorization")}
	if err != nil || json.Unmarshal(body, &request) != nil {
		s.t.Errorf("the model was asked %s, which is no chat completion", body)
	}
	reply := s.script[min(len(s.requests), len(s.script)-1)]
	s.requests = append(s.requests, request)
	w.Header().Set("Content-Type", "application/json")
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
		_, _ = io.WriteString(w, reply.Body)
		return
	}
	_ = json.NewEncoder(w).Encode(reply.completion())
}

func (r Reply) completion() any {
	message := map[string]any{"role": "assistant", "content": r.Text}
	if r.Tool != "" {
		message["tool_calls"] = []any{map[string]any{
			"id": "call_1", "type": "function", "function": map[string]string{"name": r.Tool, "arguments": r.Arguments},
		}}
	}
	return map[string]any{
		"id": "c", "object": "chat.completion", "created": 1, "model": "m",
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": "stop"}},
	}
}
