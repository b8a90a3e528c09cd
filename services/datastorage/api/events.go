package api

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/datastorage/reconstruct"
	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/datastorage/validation"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// EventCreated answers a stored event.
type EventCreated struct {
	EventID        string    `json:"event_id"`
	EventTimestamp time.Time `json:"event_timestamp"`
	Message        string    `json:"message"`
}

// BatchCreated answers a stored batch; the ids are in the order of the request.
type BatchCreated struct {
	EventIDs []string `json:"event_ids"`
	Message  string   `json:"message"`
}

// EventListing answers a query of events.
type EventListing struct {
	Data       []audit.Event `json:"data"`
	Pagination catalog.Page  `json:"pagination"`
}

// Reconstruction answers a request to rebuild a remediation request.
type Reconstruction struct {
	RemediationRequestYAML string                 `json:"remediation_request_yaml"`
	Validation             reconstruct.Validation `json:"validation"`
	ReconstructedAt        time.Time              `json:"reconstructed_at"`
	CorrelationID          string                 `json:"correlation_id"`
}

func (a *API) createEvent(w http.ResponseWriter, r *http.Request) error {
	var request validation.EventRequest
	if err := httpserver.DecodeStrict(r, &request); err != nil {
		return err
	}
	event, err := validation.Event(request)
	if err != nil {
		return err
	}
	ids, err := a.store(r, []audit.Event{event})
	if err != nil {
		return err
	}
	httpserver.WriteJSON(w, http.StatusCreated, EventCreated{EventID: ids[0], EventTimestamp: event.Timestamp, Message: "event stored"})
	return nil
}

func (a *API) createBatch(w http.ResponseWriter, r *http.Request) error {
	var requests []validation.EventRequest
	if err := httpserver.DecodeStrict(r, &requests); err != nil {
		return err
	}
	events, err := validation.Batch(requests)
	if err != nil {
		return err
	}
	ids, err := a.store(r, events)
	if err != nil {
		return err
	}
	httpserver.WriteJSON(w, http.StatusCreated, BatchCreated{EventIDs: ids, Message: "all events stored"})
	return nil
}

// store gives ids to the events that have none, keeps all, and returns the ids.
func (a *API) store(r *http.Request, events []audit.Event) ([]string, error) {
	ids := make([]string, len(events))
	for i := range events {
		if events[i].ID == "" {
			events[i].ID = uuid.NewString()
		}
		ids[i] = events[i].ID
	}
	if err := a.events.AppendEvents(r.Context(), events); err != nil {
		return nil, err
	}
	for _, event := range events {
		a.stored.WithLabelValues(string(event.Category)).Inc()
	}
	return ids, nil
}

func (a *API) listEvents(w http.ResponseWriter, r *http.Request) error {
	filter, err := validation.Events(r.URL.Query(), a.now())
	if err != nil {
		return err
	}
	events, total, err := a.events.Events(r.Context(), filter)
	if err != nil {
		return err
	}
	httpserver.WriteJSON(w, http.StatusOK, EventListing{Data: events, Pagination: page(filter.Limit, filter.Offset, len(events), total)})
	return nil
}

func page(limit, offset, got, total int) catalog.Page {
	return catalog.Page{Limit: limit, Offset: offset, Total: total, HasMore: offset+got < total}
}

func (a *API) reconstruct(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("correlation_id")
	if err := validation.CorrelationID(id); err != nil {
		return err
	}
	events, _, err := a.events.Events(r.Context(), store.EventFilter{CorrelationID: id})
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return problem.New(http.StatusNotFound, "no audit events with correlation id %q", id)
	}
	result, err := reconstruct.New(id, events)
	if err != nil {
		return err
	}
	httpserver.WriteJSON(w, http.StatusOK, Reconstruction{
		RemediationRequestYAML: result.YAML, Validation: result.Validation, ReconstructedAt: a.now().UTC(), CorrelationID: id,
	})
	return nil
}
