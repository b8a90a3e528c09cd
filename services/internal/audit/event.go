package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

// EventVersion is the version of the event's form that this package writes.
const EventVersion = "1.0"

// Event is one audit event as datastorage receives and returns it.
type Event struct {
	// ID makes a repeated delivery harmless: datastorage keeps one event per id. Empty lets datastorage choose.
	ID            string              `json:"event_id,omitempty"`
	Version       string              `json:"version"`
	Type          names.EventType     `json:"event_type"`
	Timestamp     time.Time           `json:"event_timestamp"`
	Category      names.EventCategory `json:"event_category"`
	Action        string              `json:"event_action"`
	Outcome       names.EventOutcome  `json:"event_outcome"`
	CorrelationID string              `json:"correlation_id"`
	// Data is a JSON object.
	Data json.RawMessage `json:"event_data"`

	ActorType     string `json:"actor_type,omitempty"`
	ActorID       string `json:"actor_id,omitempty"`
	ResourceType  string `json:"resource_type,omitempty"`
	ResourceID    string `json:"resource_id,omitempty"`
	ParentEventID string `json:"parent_event_id,omitempty"`
	Namespace     string `json:"namespace,omitempty"`
	ClusterName   string `json:"cluster_name,omitempty"`
	Severity      string `json:"severity,omitempty"`
	// DurationMS is in milliseconds; nil when the action has no duration.
	DurationMS *int64 `json:"duration_ms,omitempty"`
}

// NewEvent returns an event with a fresh id and the present time. data is encoded as the event's JSON object; what
// cannot be encoded is replaced by an object that says so, because an audit event must not get lost over its payload.
func NewEvent(kind names.EventType, category names.EventCategory, action string, outcome names.EventOutcome,
	correlationID string, data any) Event {
	return Event{
		ID:            uuid.NewString(),
		Version:       EventVersion,
		Type:          kind,
		Timestamp:     time.Now().UTC(),
		Category:      category,
		Action:        action,
		Outcome:       outcome,
		CorrelationID: correlationID,
		Data:          encode(data),
	}
}

// Once returns the event with an id that follows from an object's UID, the event's type and the occasion. A controller that
// records the same occasion again, after a restart or a conflict, thereby records it once.
func (e Event) Once(uid, occasion string) Event {
	e.ID = uuid.NewSHA1(uuid.Nil, []byte(uid+"/"+string(e.Type)+"/"+occasion)).String()
	return e
}

func encode(data any) json.RawMessage {
	if data == nil {
		return json.RawMessage("{}")
	}
	raw, err := json.Marshal(data)
	if err != nil {
		raw, _ = json.Marshal(map[string]string{"encoding_error": fmt.Sprint(err)})
	}
	return raw
}
