// Package app puts mock-llm together: settings, model, routes.
//
// The service needs nothing: no other service, no Kubernetes, no files. It is ready as soon as it listens.
package app

import (
	"context"
	"log/slog"
	"net"
	"strconv"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/settings"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
	"github.com/kubernaut/kubernaut/services/mock-llm/ollama"
	"github.com/kubernaut/kubernaut/services/mock-llm/openai"
)

// MaxBody is the largest request in bytes: a prompt with the events of a busy namespace and some searches' results.
const MaxBody = 4 << 20

// Config is what the environment says.
type Config struct {
	// Addr to listen on.
	Addr string
	// ForceText switches tool calls off.
	ForceText bool
}

// Read takes MOCK_LLM_HOST (default: all addresses), MOCK_LLM_PORT (default 8080) and MOCK_LLM_FORCE_TEXT (default false).
func Read(env *settings.Reader) (Config, error) {
	cfg := Config{
		Addr:      net.JoinHostPort(env.String("MOCK_LLM_HOST", ""), strconv.Itoa(env.Port("MOCK_LLM_PORT", names.HTTPPort))),
		ForceText: env.Bool("MOCK_LLM_FORCE_TEXT", false),
	}
	return cfg, env.Err()
}

// New returns the service, not yet listening.
func New(cfg Config, log *slog.Logger) *httpserver.Server {
	server := httpserver.New(httpserver.Config{
		Name:       names.MockLLM,
		Addr:       cfg.Addr,
		LivePaths:  []string{"/health"},
		ReadyPaths: []string{"/ready"},
		MaxBody:    MaxBody,
		Logger:     log,
	})
	model := dialog.Model{ForceText: cfg.ForceText}
	openai.Register(server, model)
	ollama.Register(server, model)
	return server
}

// Run is mock-llm as process.Main starts it.
func Run(ctx context.Context, env *settings.Reader, log *slog.Logger) error {
	cfg, err := Read(env)
	if err != nil {
		return err
	}
	return New(cfg, log).Run(ctx)
}
