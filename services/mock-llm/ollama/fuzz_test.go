package ollama

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

// FuzzRoutes checks that both routes answer every body: 200, or a problem that says why not.
func FuzzRoutes(f *testing.F) {
	for _, seed := range []string{
		`{"model": "m", "messages": [{"role": "user", "content": "OOMKilled"}], "tools": [{"type": "function"}]}`, `{"model": "m", "system": "s", "prompt": "p"}`,
		`{"messages": [{"role": "robot"}]}`, `{"messages": "hello"}`, `{"messages": [null], "tools": [1]}`, `{"prompt": ["a"]}`, `{"prompt": "\u0000\ud800"}`,
		`[]`, `null`, `{`, `{}{}`, "{\"model\": \"\xff\"}", strings.Repeat("[", 20000),
	} {
		f.Add(seed)
	}
	server := httpserver.New(httpserver.Config{Name: "fuzz"})
	Register(server, dialog.Model{})
	handler := server.Handler()
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/api/generate", "/api/chat"} {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest("POST", path, strings.NewReader(body)))
			var refusal problem.Details
			if err := json.Unmarshal(answer.Body.Bytes(), &refusal); err != nil {
				t.Fatalf("%s %q: %v in %q", path, body, err, answer.Body)
			}
			if answer.Code != 200 && (answer.Code != 400 || refusal.Detail == "") {
				t.Errorf("%s %q: got %d %s", path, body, answer.Code, answer.Body)
			}
		}
	})
}
