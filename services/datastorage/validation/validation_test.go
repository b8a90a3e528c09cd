package validation_test

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/datastorage/validation"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestQueriesInFull(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	values := url.Values{
		"correlation_id": {"rr-1"}, "event_type": {"a.b"}, "event_category": {"webhook"}, "event_outcome": {"pending"}, "severity": {"low"},
		"since": {"24h"}, "until": {"2026-01-31T13:00:00+01:00"}, "limit": {"1000"}, "offset": {"7"},
	}
	want := store.EventFilter{
		CorrelationID: "rr-1", Type: "a.b", Category: names.CategoryWebhook, Outcome: names.OutcomePending, Severity: "low",
		Since: now.Add(-24 * time.Hour), Until: now, Limit: 1000, Offset: 7,
	}
	got, err := validation.Events(values, now)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Events: error %v (-want +got):\n%s", err, diff)
	}
	workflows, err := validation.Workflows(url.Values{"environment": {"*"}, "status": {"active"}})
	if diff := cmp.Diff(store.WorkflowFilter{Environment: "*", Status: catalog.StatusActive, Limit: 50}, workflows); diff != "" || err != nil {
		t.Errorf("Workflows: error %v (-want +got):\n%s", err, diff)
	}
}

// FuzzEvent checks that what is called valid can be encoded again, and comes out as the same event.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		`{"version": "1.0", "event_type": "a.b", "event_timestamp": "2026-01-31T12:00:00Z", "event_category": "gateway", "event_action": "a",
			"event_outcome": "success", "correlation_id": "rr-1", "event_data": {"a": [1, "\u0000", {"b": 1e999}]}, "duration_ms": 1}`,
		`{"event_timestamp": "9999-12-31T23:59:59-23:00"}`, `{"event_data": "{"}`, `[]`, `null`, `{"Version": "1", "VERSION": "2"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var request validation.EventRequest
		if httpserver.Unmarshal(body, &request, true) != nil {
			return
		}
		event, err := validation.Event(request)
		if err != nil {
			return
		}
		encoded, err := json.Marshal(event)
		if err != nil {
			t.Fatalf("a valid event cannot be encoded: %v", err)
		}
		var again validation.EventRequest
		if err := httpserver.Unmarshal(encoded, &again, true); err != nil {
			t.Fatalf("a valid event cannot be decoded again: %v", err)
		}
		repeated, err := validation.Event(again)
		if err != nil || !repeated.Timestamp.Equal(event.Timestamp) || repeated.CorrelationID != event.CorrelationID {
			t.Fatalf("got %+v, error %v; want %+v", repeated, err, event)
		}
	})
}
