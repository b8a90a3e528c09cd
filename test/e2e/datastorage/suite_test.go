package datastorage_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// suite is what the subtests share.
type suite struct {
	*session.Session
	database  string   // component of the database server; empty for SQLite
	workflows []string // ids, to be archived at the end
}

func connect(t *testing.T) *suite {
	t.Helper()
	s := &suite{Session: session.Connect(t, "datastorage"), database: os.Getenv(databaseVar)}
	session.Finally(t, s.archive)
	if err := s.Steady(t.Context(), api.DataStorage, s.DataStorage.Service, "/health/ready"); err != nil {
		t.Fatal(err)
	}
	// The API server learns of a new binding a moment after it was made.
	s.Eventually(t, func(ctx context.Context) error {
		_, err := s.DataStorage.Events(ctx, url.Values{"limit": {"1"}})
		return err
	})
	return s
}

// archive takes the suite's workflows out of the catalogue.
func (s *suite) archive(ctx context.Context) error {
	var errs []error
	for _, id := range s.workflows {
		errs = append(errs, s.DataStorage.Archive(ctx, id))
	}
	return errors.Join(errs...)
}

// flow returns a correlation id that no other test and no other run has.
func (s *suite) flow(test string) string {
	return "rr-e2e-" + s.Run + "-" + test + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// workflow returns a workflow that no other test and no other run has; only searches for this test find it.
func (s *suite) workflow(test, environment string) api.Workflow {
	workflow := records.Workflow("e2e-"+s.Run+"-"+test, environment)
	workflow.Labels.SignalType = "E2E" + s.Run + test
	return workflow
}

// create puts a workflow into the catalogue until the suite ends.
func (s *suite) create(t *testing.T, workflow api.Workflow) api.Workflow {
	t.Helper()
	var created api.Workflow
	s.send(t, http.StatusCreated, "POST", records.WorkflowsPath, workflow, &created)
	s.workflows = append(s.workflows, created.ID)
	return created
}

func (s *suite) get(t *testing.T, id string) (workflow api.Workflow) {
	t.Helper()
	s.send(t, http.StatusOK, "GET", records.WorkflowPath(id), nil, &workflow)
	return workflow
}

// send calls with a JSON body, unless that is nil, and decodes the wanted answer into target, unless that is nil.
func (s *suite) send(t *testing.T, status int, method, path string, body, target any) {
	t.Helper()
	if err := s.DataStorage.Send(t.Context(), status, s.DataStorage.Request(method, path, body), target); err != nil {
		t.Fatal(err)
	}
}

// post stores an event.
func (s *suite) post(t *testing.T, event any) {
	t.Helper()
	s.send(t, http.StatusCreated, "POST", records.EventsPath, event, nil)
}

// wantProblem sends a request and wants a problem with the status that blames exactly these fields.
func (s *suite) wantProblem(t *testing.T, request wire.Request, status int, fields ...string) {
	t.Helper()
	response, err := s.DataStorage.Service.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := response.Problem(status, request.Path)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.Path, err)
	}
	for _, field := range fields {
		if got.FieldErrors[field] == "" {
			t.Errorf("%s %s: field errors %v do not name %s", request.Method, request.Path, got.FieldErrors, field)
		}
	}
	if len(got.FieldErrors) != len(fields) {
		t.Errorf("%s %s: got field errors %v, want them for %v alone", request.Method, request.Path, got.FieldErrors, fields)
	}
}

// events returns the events of a flow.
func (s *suite) events(t *testing.T, correlation string) []api.AuditEvent {
	t.Helper()
	events, err := s.Flow(t.Context(), correlation)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (s *suite) page(t *testing.T, query url.Values) records.EventPage {
	t.Helper()
	page, err := s.DataStorage.Events(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func (s *suite) wantNoEvents(t *testing.T, correlation string) {
	t.Helper()
	if got := s.events(t, correlation); len(got) != 0 {
		t.Errorf("got %d events of %s, want none stored", len(got), correlation)
	}
}
