package app_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/mock-llm/app"
)

var update = flag.Bool("update", false, "write the golden files")

// The files hold answers byte by byte. A change of them is a change of what suites and other replicas see.
func TestGolden(t *testing.T) {
	s := start(t, app.Config{})
	type request struct{ method, path, body string }
	requests := map[string]request{
		"text":            {http.MethodPost, completions, plain("OOMKilled\nEnvironment: staging")},
		"models":          {http.MethodGet, "/v1/models", ""},
		"ollama-tags":     {http.MethodGet, "/api/tags", ""},
		"ollama-generate": {http.MethodPost, "/api/generate", `{"model": "m", "system": "You look for root causes.", "prompt": "OOMKilled"}`},
		"ollama-call":     {http.MethodPost, "/api/chat", first("OOMKilled")},
		"ollama-answer":   {http.MethodPost, "/api/chat", second("OOMKilled")},
		"resource":        {http.MethodPost, completions, second("OOMKilled\nresource_kind: Deployment\nresource_name: api\nresource_namespace: shop")},
	}
	for _, test := range rows() {
		requests[test.name+"-call"] = request{http.MethodPost, completions, first(test.prompt)}
		requests[test.name+"-answer"] = request{http.MethodPost, completions, second(test.prompt)}
	}
	for name, test := range requests {
		t.Run(name, func(t *testing.T) {
			status, got := s.send(test.method, test.path, test.body, nil)
			if status != http.StatusOK {
				t.Fatalf("status %d, want 200: %s", status, got)
			}
			golden(t, name+".json", got)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); -update writes it:\n%s", path, diff)
	}
}
