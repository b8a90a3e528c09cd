// Package datastoragetest gives tests of other services a whole datastorage: its routes and its guard, over an empty
// in-memory database.
package datastoragetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/datastorage/api"
	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const token = "datastorage-caller"

// Server is a datastorage that runs until the test ends.
type Server struct {
	t testing.TB
	// URL is its base URL.
	URL string
	// TokenFile holds the token of an account that may use it.
	TokenFile string
	http      *httptest.Server
}

// Start returns an empty datastorage whose guard asks reviews. The account of TokenFile is system:serviceaccount: and the
// platform's namespace, a colon and user.
func Start(t testing.TB, reviews *reviewtest.Server, user string) *Server {
	t.Helper()
	records, err := store.Open(store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	if err := records.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	guard, err := auth.New(reviews.Config(), auth.Config{Namespace: names.Namespace, Service: names.DataStorageService})
	if err != nil {
		t.Fatal(err)
	}
	account := "system:serviceaccount:" + names.Namespace + ":" + user
	reviews.Token(token, account)
	reviews.Grant(reviewtest.Permission{User: account, Namespace: names.Namespace, Verb: "create", Service: names.DataStorageService}, true)
	server := httpserver.New(httpserver.Config{Name: names.DataStorage, MaxBody: api.MaxBatchBody, Logger: slog.New(slog.DiscardHandler)})
	api.New(records, records, time.Now).Register(server, guard.Wrap)
	s := &Server{t: t, TokenFile: filepath.Join(t.TempDir(), "token"), http: httptest.NewServer(server.Handler())}
	s.URL = s.http.URL
	t.Cleanup(s.http.Close)
	if err := os.WriteFile(s.TokenFile, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// Stop takes the server away; its address refuses connections from then on.
func (s *Server) Stop() { s.http.Close() }

// Workflow returns an active workflow with every required field, for any severity, component and priority.
func Workflow(name, signalType, environment string) catalog.Workflow {
	const content = "steps:\n- restart\n"
	return catalog.Workflow{
		WorkflowName: name, Version: "1.0.0", Name: name, Description: "Made by a test.",
		Content: content, ContentHash: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		Labels: catalog.Labels{
			SignalType: signalType, Severity: catalog.Any, Component: catalog.Any, Environment: []string{environment}, Priority: catalog.Any,
		},
		ExecutionEngine: "job", Status: catalog.StatusActive,
	}
}

// Create puts a workflow into the catalogue and returns it with its id.
func (s *Server) Create(workflow catalog.Workflow) (created catalog.Workflow) {
	s.t.Helper()
	s.call(http.MethodPost, "/api/v1/workflows", workflow, http.StatusCreated, &created)
	return created
}

// Disable takes a workflow out of use.
func (s *Server) Disable(id string) {
	s.t.Helper()
	s.call(http.MethodPatch, "/api/v1/workflows/"+id+"/disable", map[string]string{"reason": "test"}, http.StatusOK, nil)
}

// Events returns the audit events of a flow, oldest first.
func (s *Server) Events(correlationID string) []audit.Event {
	s.t.Helper()
	var page struct{ Data []audit.Event }
	s.call(http.MethodGet, "/api/v1/audit/events?limit=1000&correlation_id="+correlationID, nil, http.StatusOK, &page)
	return page.Data
}

func (s *Server) call(method, path string, body any, status int, target any) {
	s.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, bytes.NewReader(encoded))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		s.t.Fatalf("%s %s: status %d, want %d", method, path, response.StatusCode, status)
	}
	if target == nil {
		return
	}
	if err := json.NewDecoder(response.Body).Decode(target); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}
