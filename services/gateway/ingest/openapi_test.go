package ingest_test

import (
	_ "embed"
	"testing"

	"github.com/kubernaut/kubernaut/services/gateway/ingest"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

//go:embed openapi.yaml
var description []byte

func TestDescriptionHasEveryRoute(t *testing.T) {
	server := httpserver.New(httpserver.Config{Name: "gateway"})
	ingest.New(ingest.Config{Registerer: server.Registry(), MaxConcurrent: 1}).Register(server)
	openapitest.Read(t, description).Routes(t, server)
}

func TestDescriptionHasEveryField(t *testing.T) {
	d := openapitest.Read(t, description)
	d.Fields(t, map[string]any{"Answer": ingest.Answer{}, "Counts": ingest.Counts{}, "Problem": problem.Details{}})
	openapitest.Words(t, d, "Status", []string{ingest.StatusCreated, ingest.StatusDuplicate, ingest.StatusAccepted})
}
