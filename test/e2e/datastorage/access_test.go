package datastorage_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

func (s *suite) noToken(t *testing.T) {
	event := records.Event(s.flow("ds4"))
	for name, authorization := range map[string]string{
		"no_token":     "",
		"garbage":      "Bearer not-a-token",
		"no_bearer":    s.DataStorage.Token,
		"other_scheme": "Basic " + s.DataStorage.Token,
		"cut_short":    "Bearer " + s.DataStorage.Token[:len(s.DataStorage.Token)-4],
	} {
		t.Run("DS4_"+name, func(t *testing.T) {
			request := records.Caller{}.Request("POST", records.EventsPath, event)
			request.Header["Authorization"] = authorization
			s.wantProblem(t, request, http.StatusUnauthorized)
		})
	}
	s.wantNoEvents(t, event.CorrelationID)
	id := uuid.NewString()
	for _, route := range []string{
		"POST " + records.BatchPath, "GET " + records.EventsPath, "POST " + records.ReconstructPath(id),
		"POST " + records.WorkflowsPath, "GET " + records.WorkflowsPath, "POST " + records.SearchPath,
		"GET " + records.WorkflowPath(id), "PATCH " + records.WorkflowPath(id), "PATCH " + records.WorkflowPath(id) + "/disable",
	} {
		method, path, _ := strings.Cut(route, " ")
		s.wantProblem(t, wire.Request{Method: method, Path: path}, http.StatusUnauthorized)
	}
}

// binding takes the right away at the end, too: nothing may remember that an account had it.
func (s *suite) binding(t *testing.T) {
	account, token := s.NewAccount(t, "newcomer")
	event := records.Event(s.flow("ds5"))
	newcomer := records.Caller{Service: s.DataStorage.Service, Token: token}
	request := newcomer.Request("POST", records.EventsPath, event)
	s.wantProblem(t, request, http.StatusForbidden)
	s.wantNoEvents(t, event.CorrelationID)
	if err := s.LetUseDataStorage(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	s.Eventually(t, func(ctx context.Context) error { return newcomer.Send(ctx, http.StatusCreated, request, nil) })
	if got := s.events(t, event.CorrelationID); len(got) != 1 {
		t.Errorf("after binding: got %d events, want 1", len(got))
	}
	if err := s.BarFromDataStorage(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	s.Eventually(t, func(ctx context.Context) error { return newcomer.Send(ctx, http.StatusForbidden, request, nil) })
}

func (s *suite) health(t *testing.T) {
	for _, path := range []string{"/health", "/health/live", "/health/ready", "/metrics"} {
		if _, err := s.DataStorage.Service.Want(t.Context(), http.StatusOK, wire.Request{Path: path}); err != nil {
			t.Error(err)
		}
	}
}

func (s *suite) metrics(t *testing.T) {
	before := s.stored(t)
	event := records.Event(s.flow("ds18"))
	event.Category = api.CategoryWebhook
	s.post(t, event)
	s.send(t, http.StatusCreated, "POST", records.BatchPath, []any{event, event}, nil)
	s.wantProblem(t, s.DataStorage.Request("POST", records.EventsPath, records.Edited(event, map[string]any{"version": nil})), http.StatusBadRequest, "version")
	if got := s.stored(t) - before; got != 3 {
		t.Errorf("increase: got %v, want 3", got)
	}
}

// stored returns how many events of the category webhook datastorage has counted, 0 before the first.
func (s *suite) stored(t *testing.T) float64 {
	t.Helper()
	response, err := s.DataStorage.Service.Want(t.Context(), http.StatusOK, wire.Request{Path: "/metrics"})
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := response.Metric("kubernaut_datastorage_events_stored_total", `category="webhook"`)
	return sum
}

func (s *suite) strangers(t *testing.T) {
	event := records.Event(s.flow("ds20"))
	good := s.DataStorage.Request("POST", records.EventsPath, event)
	for name, test := range map[string]struct {
		spoil func(*wire.Request)
		want  int
	}{
		"route":     {func(r *wire.Request) { r.Path = "/api/v1/audit/rumours" }, http.StatusNotFound},
		"method":    {func(r *wire.Request) { r.Method = "DELETE" }, http.StatusMethodNotAllowed},
		"type":      {func(r *wire.Request) { r.Header = map[string]string{"Content-Type": "text/plain"} }, http.StatusUnsupportedMediaType},
		"truncated": {func(r *wire.Request) { r.Body = r.Body[:len(r.Body)/2] }, http.StatusBadRequest},
		"twice":     {func(r *wire.Request) { r.Body += r.Body }, http.StatusBadRequest},
		"oversized": {func(r *wire.Request) { r.Body = `"` + strings.Repeat("x", 1<<20) + `"` }, http.StatusRequestEntityTooLarge},
	} {
		t.Run("DS20_"+name, func(t *testing.T) {
			request := good
			test.spoil(&request)
			s.wantProblem(t, request, test.want)
		})
	}
	s.wantNoEvents(t, event.CorrelationID)
}
