package validation

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// MaxBatch is the most events in one batch.
const MaxBatch = 1000

// EventRequest is an event as it arrives. Its time is kept as text, so that a malformed one is a fault of its field.
type EventRequest struct {
	audit.Event
	Timestamp string `json:"event_timestamp"`
}

// Event returns the event with its time, or a problem that lists every fault.
func Event(request EventRequest) (audit.Event, error) {
	faults := Faults{}
	event := faults.event("", request)
	return event, faults.Err("the audit event is not valid")
}

// Batch returns the events, or a problem that lists every fault of every event, by paths such as [1].correlation_id.
func Batch(requests []EventRequest) ([]audit.Event, error) {
	if len(requests) == 0 || len(requests) > MaxBatch {
		return nil, problem.Invalid(fmt.Sprintf("a batch must hold 1 to %d events, got %d", MaxBatch, len(requests)), nil)
	}
	faults := Faults{}
	events := make([]audit.Event, len(requests))
	for i, request := range requests {
		events[i] = faults.event(fmt.Sprintf("[%d].", i), request)
	}
	return events, faults.Err("the batch holds events that are not valid; none was stored")
}

func (f Faults) event(prefix string, request EventRequest) audit.Event {
	e := request.Event
	e.Timestamp = f.timestamp(prefix+"event_timestamp", request.Timestamp)
	f.required(prefix+"version", e.Version)
	f.required(prefix+"event_type", string(e.Type))
	f.required(prefix+"event_category", string(e.Category))
	f.required(prefix+"event_action", e.Action)
	f.required(prefix+"event_outcome", string(e.Outcome))
	f.required(prefix+"correlation_id", e.CorrelationID)
	f.object(prefix+"event_data", e.Data)
	oneOf(f, prefix+"event_category", e.Category, names.EventCategories())
	oneOf(f, prefix+"event_outcome", e.Outcome, names.EventOutcomes())
	f.form(prefix+"event_type", string(e.Type), eventType, "lower-case words joined by dots")
	f.form(prefix+"event_id", e.ID, uuidForm, "a UUID")
	f.form(prefix+"parent_event_id", e.ParentEventID, uuidForm, "a UUID")
	for field, value := range map[string]string{
		"version": e.Version, "event_action": e.Action, "correlation_id": e.CorrelationID, "severity": e.Severity,
	} {
		f.token(prefix+field, value)
	}
	for field, value := range map[string]string{
		"actor_type": e.ActorType, "actor_id": e.ActorID, "resource_type": e.ResourceType, "resource_id": e.ResourceID,
		"namespace": e.Namespace, "cluster_name": e.ClusterName,
	} {
		f.text(prefix+field, value, maxText, false)
	}
	if e.DurationMS != nil && *e.DurationMS < 0 {
		f.set(prefix+"duration_ms", "must not be negative, got %d", *e.DurationMS)
	}
	// One spelling per id: the store compares them as text.
	e.ID, e.ParentEventID = strings.ToLower(e.ID), strings.ToLower(e.ParentEventID)
	return e
}

// timestamp reads RFC 3339; the year must be one that it can write in four digits.
func (f Faults) timestamp(field, text string) time.Time {
	if !f.required(field, text) {
		return time.Time{}
	}
	value, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		f.set(field, "must be a time such as 2026-01-31T12:00:00Z, got %q", text)
	} else if year := value.UTC().Year(); year < 1970 || year > 9999 {
		f.set(field, "must be in the years 1970 to 9999, got %d", year)
	}
	return value.UTC()
}
