// Package api is datastorage's HTTP interface: audit events, the workflow catalogue, and the reconstruction of a
// remediation request.
//
// Handlers decode strictly, leave judgement to package validation, and answer errors of the store with the problem that
// fits: 404, 409, and 503 while the database is away. There is no queue behind the store: what is answered with 201 is
// stored, and a sender keeps what was not.
package api

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// Bounds of request bodies in bytes. MaxBatchBody is the server's own bound, hence the largest.
const (
	MaxBatchBody = 8 << 20
	maxBody      = 1 << 20
)

// Events keeps audit events.
type Events interface {
	AppendEvents(ctx context.Context, events []audit.Event) error
	Events(ctx context.Context, filter store.EventFilter) ([]audit.Event, int, error)
}

// Workflows keeps the catalogue.
type Workflows interface {
	CreateWorkflow(ctx context.Context, workflow catalog.Workflow) error
	Workflows(ctx context.Context, filter store.WorkflowFilter) ([]catalog.Workflow, int, error)
	UpdateWorkflow(ctx context.Context, id string, change func(*catalog.Workflow)) (catalog.Workflow, error)
}

// API is safe for concurrent use.
type API struct {
	events    Events
	workflows Workflows
	now       func() time.Time
	stored    *prometheus.CounterVec
	unaudited prometheus.Counter
}

// New returns the API on its stores. now is the clock, in production time.Now.
func New(events Events, workflows Workflows, now func() time.Time) *API {
	return &API{
		events: events, workflows: workflows, now: now,
		stored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubernaut_datastorage_events_stored_total", Help: "Audit events that callers have stored, by category.",
		}, []string{"category"}),
		unaudited: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kubernaut_datastorage_own_events_lost_total", Help: "Audit events of the catalogue itself that could not be stored.",
		}),
	}
}

// Register puts all routes on a server, each behind guard.
func (a *API) Register(server *httpserver.Server, guard func(http.Handler) http.Handler) {
	server.Registry().MustRegister(a.stored, a.unaudited)
	for pattern, handler := range a.routes() {
		body := int64(maxBody)
		if pattern == batchRoute {
			body = MaxBatchBody
		}
		server.Handle(pattern, guard(bounded(body, explained(handler))))
	}
}

// batchRoute alone takes bodies larger than maxBody.
const batchRoute = "POST /api/v1/audit/events/batch"

// routes must agree with openapi.yaml.
func (a *API) routes() map[string]httpserver.Func {
	return map[string]httpserver.Func{
		batchRoute:                                      a.createBatch,
		"POST /api/v1/audit/events":                     a.createEvent,
		"GET /api/v1/audit/events":                      a.listEvents,
		"POST /api/v1/workflows":                        a.createWorkflow,
		"GET /api/v1/workflows":                         a.listWorkflows,
		"POST /api/v1/workflows/search":                 a.searchWorkflows,
		"GET /api/v1/workflows/{workflow_id}":           a.getWorkflow,
		"PATCH /api/v1/workflows/{workflow_id}":         a.patchWorkflow,
		"PATCH /api/v1/workflows/{workflow_id}/disable": a.disableWorkflow,
		"POST /api/v1/audit/remediation-requests/{correlation_id}/reconstruct": a.reconstruct,
	}
}

//go:embed openapi.yaml
var description []byte

// Description returns the API's OpenAPI document in YAML.
func Description() []byte { return append([]byte(nil), description...) }

// bounded refuses a body of more than most bytes when a handler reads it.
func bounded(most int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

// explained turns the store's errors into problems.
func explained(next httpserver.Func) httpserver.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return problem.New(http.StatusNotFound, "no such record")
		case errors.Is(err, store.ErrConflict):
			return problem.New(http.StatusConflict, "a record with this key exists")
		case errors.Is(err, store.ErrUnavailable):
			httpserver.Logger(r.Context()).Error("database unavailable", "path", r.URL.Path, "error", err.Error())
			w.Header().Set("Retry-After", "5")
			return problem.New(http.StatusServiceUnavailable, "the database cannot be reached, nothing was stored")
		}
		return err
	}
}
