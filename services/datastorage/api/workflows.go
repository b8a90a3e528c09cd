package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/datastorage/search"
	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/datastorage/validation"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/auth"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/internal/workflowid"
)

func (a *API) createWorkflow(w http.ResponseWriter, r *http.Request) error {
	var workflow catalog.Workflow
	if err := httpserver.DecodeStrict(r, &workflow); err != nil {
		return err
	}
	if err := validation.Workflow(workflow); err != nil {
		return err
	}
	now := a.now().UTC().Truncate(time.Microsecond)
	workflow.ID = workflowid.New(workflow.WorkflowName, workflow.Labels.Environment[0])
	workflow.CreatedAt, workflow.UpdatedAt, workflow.IsLatestVersion = &now, &now, true
	err := a.workflows.CreateWorkflow(r.Context(), workflow)
	if errors.Is(err, store.ErrConflict) {
		return problem.New(http.StatusConflict, "workflow %q has version %q for environment %q already", workflow.WorkflowName,
			workflow.Version, workflow.Labels.Environment[0])
	}
	if err != nil {
		return err
	}
	a.audit(r, names.EventWorkflowCreated, "create", workflow.ID, changed(workflow))
	w.Header().Set("Location", "/api/v1/workflows/"+workflow.ID)
	httpserver.WriteJSON(w, http.StatusCreated, workflow)
	return nil
}

func (a *API) listWorkflows(w http.ResponseWriter, r *http.Request) error {
	filter, err := validation.Workflows(r.URL.Query())
	if err != nil {
		return err
	}
	workflows, total, err := a.workflows.Workflows(r.Context(), filter)
	if err != nil {
		return err
	}
	httpserver.WriteJSON(w, http.StatusOK, catalog.Listing{
		Workflows: workflows, Pagination: page(filter.Limit, filter.Offset, len(workflows), total),
	})
	return nil
}

func (a *API) getWorkflow(w http.ResponseWriter, r *http.Request) error {
	id, err := workflowID(r)
	if err != nil {
		return err
	}
	found, _, err := a.workflows.Workflows(r.Context(), store.WorkflowFilter{ID: id, LatestOnly: true})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return unknownWorkflow(id)
	}
	httpserver.WriteJSON(w, http.StatusOK, found[0])
	return nil
}

func (a *API) patchWorkflow(w http.ResponseWriter, r *http.Request) error {
	var patch validation.Patch
	return a.change(w, r, &patch, func() error { return patch.Check() }, func(workflow *catalog.Workflow) {
		if patch.Status != nil {
			setStatus(workflow, *patch.Status, a.now())
		}
		if patch.DisabledBy != nil {
			workflow.DisabledBy = *patch.DisabledBy
		}
		if patch.DisabledReason != nil {
			workflow.DisabledReason = *patch.DisabledReason
		}
	})
}

func (a *API) disableWorkflow(w http.ResponseWriter, r *http.Request) error {
	var request validation.Disable
	return a.change(w, r, &request, func() error { return request.Check() }, func(workflow *catalog.Workflow) {
		setStatus(workflow, catalog.StatusDisabled, a.now())
		workflow.DisabledReason = request.Reason
		workflow.DisabledBy = cmp.Or(request.UpdatedBy, auth.User(r.Context()))
	})
}

// setStatus keeps the time of disabling in step with the status. A workflow that is active again has no trace of it; the
// audit trail has.
func setStatus(workflow *catalog.Workflow, status catalog.Status, now time.Time) {
	switch {
	case status == catalog.StatusActive:
		workflow.DisabledAt, workflow.DisabledBy, workflow.DisabledReason = nil, "", ""
	case status == catalog.StatusDisabled && workflow.Status != catalog.StatusDisabled:
		at := now.UTC().Truncate(time.Microsecond)
		workflow.DisabledAt = &at
	}
	workflow.Status = status
}

// change reads a request into target, checks it, edits the workflow of the path and answers with the result.
func (a *API) change(w http.ResponseWriter, r *http.Request, target any, check func() error, edit func(*catalog.Workflow)) error {
	id, err := workflowID(r)
	if err != nil {
		return err
	}
	if err := httpserver.DecodeStrict(r, target); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	workflow, err := a.workflows.UpdateWorkflow(r.Context(), id, func(workflow *catalog.Workflow) {
		edit(workflow)
		now := a.now().UTC().Truncate(time.Microsecond)
		workflow.UpdatedAt = &now
	})
	if errors.Is(err, store.ErrNotFound) {
		return unknownWorkflow(id)
	}
	if err != nil {
		return err
	}
	a.audit(r, names.EventWorkflowUpdated, "update", workflow.ID, changed(workflow))
	httpserver.WriteJSON(w, http.StatusOK, workflow)
	return nil
}

func (a *API) searchWorkflows(w http.ResponseWriter, r *http.Request) error {
	started := a.now()
	var request catalog.SearchRequest
	if err := httpserver.DecodeStrict(r, &request); err != nil {
		return err
	}
	if err := validation.Search(request); err != nil {
		return err
	}
	workflows, _, err := a.workflows.Workflows(r.Context(), store.WorkflowFilter{LatestOnly: true})
	if err != nil {
		return err
	}
	response := search.Rank(workflows, request)
	a.audit(r, names.EventSearchCompleted, "search", cmp.Or(request.RemediationID, uuid.NewString()), map[string]any{
		"filters": request.Filters, "total_results": response.TotalResults, "returned": len(response.Workflows),
		"duration_ms": a.now().Sub(started).Milliseconds(),
	})
	httpserver.WriteJSON(w, http.StatusOK, response)
	return nil
}

// audit records what the catalogue did. It fails open, like every other writer of audit events: the work is done already.
func (a *API) audit(r *http.Request, kind names.EventType, action, correlationID string, data any) {
	event := audit.NewEvent(kind, names.CategoryWorkflow, action, names.OutcomeSuccess, correlationID, data)
	event.ActorType, event.ActorID = "service", names.DataStorage
	if user := auth.User(r.Context()); user != "" {
		event.ActorType, event.ActorID = "user", user
	}
	if err := a.events.AppendEvents(r.Context(), []audit.Event{event}); err != nil {
		a.unaudited.Inc()
		httpserver.Logger(r.Context()).Error("own audit event lost", "event_type", kind, "correlation_id", correlationID, "error", err.Error())
	}
}

func changed(workflow catalog.Workflow) any {
	return map[string]any{
		"workflow_id": workflow.ID, "workflow_name": workflow.WorkflowName, "version": workflow.Version,
		"status": workflow.Status, "content_hash": workflow.ContentHash, "disabled_by": workflow.DisabledBy,
		"disabled_reason": workflow.DisabledReason,
	}
}

func workflowID(r *http.Request) (string, error) {
	id := r.PathValue("workflow_id")
	return strings.ToLower(id), validation.UUID("workflow_id", id)
}

func unknownWorkflow(id string) error {
	return problem.New(http.StatusNotFound, "no workflow with id %s", id)
}
