// Package records speaks with datastorage as its callers do, and makes records in good form for it.
//
// Records of a suite stay in datastorage: an audit trail has no way to delete. So each test makes its own, under a
// correlation id or a workflow name that no other run has.
package records

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// Datastorage's routes. They are written out here, because a client has them in its code, too.
const (
	EventsPath    = "/api/v1/audit/events"
	BatchPath     = EventsPath + "/batch"
	WorkflowsPath = "/api/v1/workflows"
	SearchPath    = WorkflowsPath + "/search"
)

// WorkflowPath returns the route of one workflow.
func WorkflowPath(id string) string { return WorkflowsPath + "/" + id }

// ReconstructPath returns the route that rebuilds a flow's request.
func ReconstructPath(correlationID string) string {
	return "/api/v1/audit/remediation-requests/" + correlationID + "/reconstruct"
}

// Caller calls datastorage with one account's token.
type Caller struct {
	Service *wire.Client
	Token   string // empty sends none
}

// Request returns a call with a JSON body; a nil body is none.
func (c Caller) Request(method, path string, body any) wire.Request {
	request := wire.Request{Method: method, Path: path, Token: c.Token}
	if body != nil {
		request.Body, request.Header = encode(body), map[string]string{"Content-Type": "application/json"}
	}
	return request
}

// Send wants an answer with the status and decodes it into target, unless that is nil.
func (c Caller) Send(ctx context.Context, status int, request wire.Request, target any) error {
	response, err := c.Service.Want(ctx, status, request)
	if err != nil || target == nil {
		return err
	}
	return response.JSON(target)
}

// EventPage answers a query of events.
type EventPage struct {
	Data       []api.AuditEvent `json:"data"`
	Pagination api.Page         `json:"pagination"`
}

// Events returns the events that a query selects.
func (c Caller) Events(ctx context.Context, query url.Values) (page EventPage, err error) {
	err = c.Send(ctx, http.StatusOK, c.Request(http.MethodGet, EventsPath+"?"+query.Encode(), nil), &page)
	return page, err
}

// Reconstruction answers a request to rebuild.
type Reconstruction struct {
	YAML       string `json:"remediation_request_yaml"`
	Validation struct {
		IsValid      bool     `json:"is_valid"`
		Completeness int      `json:"completeness"`
		Errors       []string `json:"errors"`
		Warnings     []string `json:"warnings"`
	} `json:"validation"`
	ReconstructedAt time.Time `json:"reconstructed_at"`
	CorrelationID   string    `json:"correlation_id"`
}

// Request returns the rebuilt request.
func (r Reconstruction) Request() (request api.RemediationRequest, err error) {
	if err := yaml.UnmarshalStrict([]byte(r.YAML), &request); err != nil {
		return request, fmt.Errorf("decoding the rebuilt request: %w in %s", err, r.YAML)
	}
	return request, nil
}

// Reconstruct rebuilds a flow's request.
func (c Caller) Reconstruct(ctx context.Context, correlationID string) (answer Reconstruction, err error) {
	err = c.Send(ctx, http.StatusOK, c.Request(http.MethodPost, ReconstructPath(correlationID), nil), &answer)
	return answer, err
}

// Archive takes a workflow out of every default search. It is the way to clean up: workflows cannot be deleted.
func (c Caller) Archive(ctx context.Context, id string) error {
	return c.Send(ctx, http.StatusOK, c.Request(http.MethodPatch, WorkflowPath(id), map[string]any{"status": api.StatusArchived}), nil)
}

// Event returns an event of the present with every required field. Its time is in whole microseconds, as datastorage keeps
// it.
func Event(correlationID string) api.AuditEvent {
	return api.AuditEvent{
		Version: "1.0", Type: api.EventSignalReceived, Timestamp: time.Now().UTC().Truncate(time.Microsecond),
		Category: api.CategoryGateway, Action: "receive", Outcome: api.OutcomeSuccess, CorrelationID: correlationID,
		Data: json.RawMessage(`{"made_by":"a suite"}`),
	}
}

// Workflow returns an active workflow with every required field and a value in every label.
func Workflow(name, environment string) api.Workflow {
	const content = "steps:\n- restart\n"
	return api.Workflow{
		WorkflowName: name, Version: "1.0.0", Name: "Restart", Description: "Restarts the workload.",
		Content: content, ContentHash: fmt.Sprintf("%x", sha256.Sum256([]byte(content))),
		Labels:          api.WorkflowLabels{SignalType: "OOMKilled", Severity: "critical", Component: "pod", Environment: []string{environment}, Priority: "P0"},
		ExecutionEngine: "job", Status: api.StatusActive,
	}
}

// WorkflowID returns what datastorage must make of a workflow's name and environment.
func WorkflowID(name, environment string) string {
	product := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("kubernaut.ai"))
	return uuid.NewSHA1(product, []byte(name+":"+environment)).String()
}

// Edited returns a record as JSON with some fields replaced; a nil value removes the field.
func Edited(record any, fields map[string]any) map[string]any {
	var decoded map[string]any
	if err := json.Unmarshal([]byte(encode(record)), &decoded); err != nil {
		panic(err) // records are JSON objects
	}
	for name, value := range fields {
		if value == nil {
			delete(decoded, name)
		} else {
			decoded[name] = value
		}
	}
	return decoded
}

func encode(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // records always have a JSON form
	}
	return string(data)
}
