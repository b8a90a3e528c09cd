package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/datastorage/datastoragetest"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/app"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	mockllm "github.com/kubernaut/kubernaut/services/mock-llm/app"
)

const caller = "system:serviceaccount:kubernaut-system:aianalysis"

// platform is the service as it runs, with the real mock-llm and the real datastorage behind it.
type platform struct {
	t       *testing.T
	base    string
	env     map[string]string
	reviews *reviewtest.Server
	storage *datastoragetest.Server
	model   *httptest.Server
	stop    func()
}

func environment(t *testing.T) *platform {
	t.Helper()
	p := &platform{t: t, reviews: reviewtest.Start(t)}
	p.storage = datastoragetest.Start(t, p.reviews, names.HolmesGPTAPI)
	p.model = httptest.NewServer(mockllm.New(mockllm.Config{}, slog.New(slog.DiscardHandler)).Handler())
	t.Cleanup(p.model.Close)
	p.reviews.Token("good", caller)
	p.reviews.Grant(reviewtest.Permission{User: caller, Namespace: names.Namespace, Verb: "create", Service: names.HolmesGPTService}, true)
	port := freePort(t)
	p.base = fmt.Sprintf("http://127.0.0.1:%d", port)
	p.env = map[string]string{
		"PORT": strconv.Itoa(port), "KUBECONFIG": p.reviews.Kubeconfig(t), "LLM_ENDPOINT": p.model.URL,
		"DATA_STORAGE_URL": p.storage.URL, "CONFIG_FILE": write(t, "config.yaml", "data_storage: {token_file: "+p.storage.TokenFile+"}"),
	}
	return p
}

func start(t *testing.T) *platform {
	t.Helper()
	return environment(t).running()
}

// running runs the service until the test ends, or until stop.
func (p *platform) running() *platform {
	t := p.t
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, p.env) }()
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(p.stop)
	p.await("/health", http.StatusOK)
	return p
}

func run(ctx context.Context, env map[string]string) error {
	lookup := func(key string) (string, bool) { value, found := env[key]; return value, found }
	return app.Run(ctx, settings.New(lookup), slog.New(slog.DiscardHandler))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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

// send returns status and body; status 0 when there is no answer.
func (p *platform) send(method, path, token, body string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// await asks until the answer is the wanted one.
func (p *platform) await(path string, want int) {
	p.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		status, answer := p.send(http.MethodGet, path, "", "")
		if status == want {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: still %d %s, want %d", path, status, answer, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func request(signalType string) holmesgpt.IncidentRequest {
	return holmesgpt.IncidentRequest{
		IncidentID: "ai-1", RemediationID: "rr-1", SignalType: signalType, Severity: holmesgpt.SeverityCritical, SignalSource: "prometheus",
		ResourceNamespace: "shop", ResourceKind: "Pod", ResourceName: "web-0", Environment: "staging", Priority: "P1",
	}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// analyze posts a request and wants an investigation.
func (p *platform) analyze(path string, request any) (response holmesgpt.Response) {
	p.t.Helper()
	status, answer := p.send(http.MethodPost, path, "good", encode(p.t, request))
	if status != http.StatusOK {
		p.t.Fatalf("%s: status %d, want 200: %s", path, status, answer)
	}
	if err := json.Unmarshal([]byte(answer), &response); err != nil {
		p.t.Fatal(err)
	}
	return response
}
