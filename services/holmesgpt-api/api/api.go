// Package api is holmesgpt-api's HTTP interface: the two routes of an investigation, and what the service is configured
// with.
//
// An investigation is answered in the request that asks for it. What broke it off (the model or the catalogue is away) is a
// 500 that says which; what the model could not solve is a 200 that asks for a human.
package api

import (
	"context"
	_ "embed"
	"errors"
	"net/http"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/intake"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// MaxBody is the largest request in bytes.
const MaxBody = 1 << 20

// Investigator leads investigations; *investigate.Investigator is one.
type Investigator interface {
	Incident(ctx context.Context, request holmesgpt.IncidentRequest) (holmesgpt.Response, error)
	Recovery(ctx context.Context, request holmesgpt.RecoveryRequest) (holmesgpt.Response, error)
}

// API is safe for concurrent use.
type API struct {
	investigator Investigator
	config       config.Config
}

// New returns the API. cfg is shown to anybody who asks; it has no secrets.
func New(investigator Investigator, cfg config.Config) *API {
	return &API{investigator: investigator, config: cfg}
}

// Register puts all routes on a server, those under /api/ behind guard.
func (a *API) Register(server *httpserver.Server, guard func(http.Handler) http.Handler) {
	for pattern, handler := range a.guarded() {
		server.Handle(pattern, guard(explained(handler)))
	}
	server.HandleFunc("GET /config", a.showConfig)
}

// guarded routes must agree with openapi.yaml.
func (a *API) guarded() map[string]httpserver.Func {
	return map[string]httpserver.Func{
		"POST " + holmesgpt.IncidentPath: a.incident,
		"POST " + holmesgpt.RecoveryPath: a.recovery,
	}
}

// Verb returns the verb that a caller of /api/ needs: create to post, get to read.
func Verb(r *http.Request) string {
	if r.Method == http.MethodPost {
		return "create"
	}
	return "get"
}

//go:embed openapi.yaml
var description []byte

// Description returns the API's OpenAPI document in YAML.
func Description() []byte { return append([]byte(nil), description...) }

func (a *API) incident(w http.ResponseWriter, r *http.Request) error {
	return serve(w, r, intake.Incident, a.investigator.Incident)
}

func (a *API) recovery(w http.ResponseWriter, r *http.Request) error {
	return serve(w, r, intake.Recovery, a.investigator.Recovery)
}

func serve[T any](w http.ResponseWriter, r *http.Request, read func(*http.Request) (T, error),
	investigate func(context.Context, T) (holmesgpt.Response, error)) error {
	request, err := read(r)
	if err != nil {
		return err
	}
	response, err := investigate(r.Context(), request)
	if err != nil {
		return err
	}
	httpserver.WriteJSON(w, http.StatusOK, response)
	return nil
}

func (a *API) showConfig(w http.ResponseWriter, _ *http.Request) error {
	httpserver.WriteJSON(w, http.StatusOK, a.config)
	return nil
}

// explained turns what broke an investigation off into problems. Their causes go to the log alone.
func explained(next httpserver.Func) httpserver.Func {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		detail := ""
		switch {
		case errors.Is(err, llm.ErrNoAnswer):
			detail = "the language model gave no answer, nothing was decided"
		case errors.Is(err, catalogue.ErrUnavailable):
			detail = "the workflow catalogue could not be asked, nothing was decided"
		default:
			return err
		}
		httpserver.Logger(r.Context()).Error("investigation broke off", "path", r.URL.Path, "error", err.Error())
		return problem.New(http.StatusInternalServerError, "%s", detail)
	}
}
