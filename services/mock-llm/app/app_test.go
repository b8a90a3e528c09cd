package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
)

func reader(env map[string]string) *settings.Reader {
	return settings.New(func(key string) (string, bool) { value, found := env[key]; return value, found })
}

func TestRead(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want app.Config
		err  string
	}{
		{"defaults", nil, app.Config{Addr: ":8080"}, "<nil>"},
		{"all", map[string]string{"MOCK_LLM_HOST": "::1", "MOCK_LLM_PORT": "9", "MOCK_LLM_FORCE_TEXT": "true"}, app.Config{Addr: "[::1]:9", ForceText: true}, "<nil>"},
		{"all wrong", map[string]string{"MOCK_LLM_PORT": "tcp://10.0.0.1:8080", "MOCK_LLM_FORCE_TEXT": "maybe"}, app.Config{Addr: ":8080"},
			"MOCK_LLM_PORT must be a whole number from 1 to 65535, got \"tcp://10.0.0.1:8080\"\nMOCK_LLM_FORCE_TEXT must be true or false, got \"maybe\""},
	} {
		got, err := app.Read(reader(test.env))
		if diff := cmp.Diff([]any{test.want, test.err}, []any{got, fmt.Sprint(err)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestRunRefusesSettings(t *testing.T) {
	err := app.Run(t.Context(), reader(map[string]string{"MOCK_LLM_PORT": "0"}), slog.New(slog.DiscardHandler))
	if diff := cmp.Diff(`MOCK_LLM_PORT must be a whole number from 1 to 65535, got "0"`, fmt.Sprint(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestML11HealthyAndReadyOnceItRuns(t *testing.T) {
	port := freePort(t)
	env := map[string]string{"MOCK_LLM_HOST": "127.0.0.1", "MOCK_LLM_PORT": strconv.Itoa(port), "MOCK_LLM_FORCE_TEXT": "true"}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, reader(env), slog.New(slog.DiscardHandler)) }()
	s := service{t: t, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	s.await(ended)
	for _, path := range []string{"/health", "/ready", "/metrics"} {
		if status, body := s.send(http.MethodGet, path, "", nil); status != http.StatusOK {
			t.Errorf("%s: status %d, want 200: %s", path, status, body)
		}
	}
	var got completion
	s.ok(completions, first("OOMKilled"), &got)
	if diff := cmp.Diff("stop", got.Choices[0].FinishReason); diff != "" {
		t.Errorf("MOCK_LLM_FORCE_TEXT has no effect: finish_reason (-want +got):\n%s", diff)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// await returns when the listener is open. It gives up when Run ends.
func (s service) await(ended <-chan error) {
	s.t.Helper()
	for {
		response, err := http.Get(s.url + "/health")
		if err == nil {
			response.Body.Close()
			return
		}
		select {
		case err := <-ended:
			s.t.Fatalf("Run ended: %v", err)
		case <-s.t.Context().Done():
			s.t.Fatal("the test ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
