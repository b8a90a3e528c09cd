package app_test

import (
	_ "embed"
	"log/slog"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
	"github.com/kubernaut/kubernaut/services/mock-llm/dialog"
)

//go:embed openapi.yaml
var description []byte

func TestDescriptionHasEveryRoute(t *testing.T) {
	openapitest.Read(t, description).Routes(t, app.New(app.Config{}, slog.New(slog.DiscardHandler)))
}

// The answers' fields are compared by start: no schema of an answer allows others.
func TestDescriptionHasEveryWord(t *testing.T) {
	d := openapitest.Read(t, description)
	d.Fields(t, map[string]any{"Problem": problem.Details{}})
	openapitest.Words(t, d, "Role", []dialog.Role{dialog.System, dialog.Developer, dialog.User, dialog.Assistant, dialog.Tool, dialog.Function})
}
