package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/datastorage/api"
	"github.com/kubernaut/kubernaut/services/internal/audit"
)

const event = `{"version": "1.0", "event_type": "gateway.signal.received", "event_timestamp": "2026-01-31T12:00:00.123456Z",
	"event_category": "gateway", "event_action": "receive", "event_outcome": "success", "correlation_id": "rr-1",
	"event_data": {"signalName": "OOM", "n": 12345678901234567890}}`

func eventAt(correlation string, second int) string {
	return edit(event, map[string]any{
		"correlation_id": correlation, "event_timestamp": fmt.Sprintf("2026-01-31T12:00:%02dZ", second), "event_action": fmt.Sprint("a", second),
	})
}

func batch(events ...string) string { return "[" + strings.Join(events, ",") + "]" }

func TestCreateEvent(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		var created api.EventCreated
		s.want(http.StatusCreated, &created, http.MethodPost, "/api/v1/audit/events", event)
		if _, err := uuid.Parse(created.EventID); err != nil {
			t.Errorf("event_id %q is no UUID", created.EventID)
		}
		at := time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC)
		if !created.EventTimestamp.Equal(at) || created.Message == "" {
			t.Errorf("got %+v, want timestamp %s and a message", created, at)
		}
		var listed api.EventListing
		s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/audit/events?correlation_id=rr-1", "")
		var want audit.Event
		if err := json.Unmarshal([]byte(event), &want); err != nil {
			t.Fatal(err)
		}
		want.ID = created.EventID
		compact := cmp.Transformer("text", func(raw json.RawMessage) string { return strings.ReplaceAll(string(raw), " ", "") })
		if diff := cmp.Diff([]audit.Event{want}, listed.Data, compact); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}

func TestCreateEventTwice(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		id := uuid.NewString()
		for _, spelling := range []string{id, strings.ToUpper(id)} {
			var created api.EventCreated
			s.want(http.StatusCreated, &created, http.MethodPost, "/api/v1/audit/events", edit(event, map[string]any{"event_id": spelling}))
			if created.EventID != id {
				t.Errorf("event_id %q, want %q", created.EventID, id)
			}
		}
		var listed api.EventListing
		s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/audit/events", "")
		if listed.Pagination.Total != 1 {
			t.Errorf("%d events, want 1", listed.Pagination.Total)
		}
	})
}

func TestCreateBatch(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		var created api.BatchCreated
		s.want(http.StatusCreated, &created, http.MethodPost, "/api/v1/audit/events/batch", batch(eventAt("rr-1", 1), eventAt("rr-1", 2), eventAt("rr-1", 3)))
		var listed api.EventListing
		s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/audit/events?correlation_id=rr-1", "")
		var ids []string
		for _, e := range listed.Data {
			ids = append(ids, e.ID)
		}
		if diff := cmp.Diff(created.EventIDs, ids); diff != "" || len(ids) != 3 {
			t.Errorf("event_ids (-created +listed):\n%s", diff)
		}
		var refused struct {
			FieldErrors map[string]string `json:"field_errors"`
		}
		bad := batch(eventAt("rr-2", 1), edit(event, map[string]any{"correlation_id": nil}))
		s.want(http.StatusBadRequest, &refused, http.MethodPost, "/api/v1/audit/events/batch", bad)
		if diff := cmp.Diff(map[string]string{"[1].correlation_id": "is required"}, refused.FieldErrors); diff != "" {
			t.Errorf("field_errors (-want +got):\n%s", diff)
		}
		s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/audit/events?correlation_id=rr-2", "")
		if listed.Pagination.Total != 0 {
			t.Errorf("a refused batch left %d events", listed.Pagination.Total)
		}
	})
}

func TestListEventsPages(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/audit/events/batch",
			batch(eventAt("rr-1", 4), eventAt("rr-2", 1), eventAt("rr-1", 3), eventAt("rr-1", 2), eventAt("rr-1", 5), eventAt("rr-1", 1)))
		var actions []string
		for offset := 0; ; offset += 2 {
			var listed api.EventListing
			s.want(http.StatusOK, &listed, http.MethodGet, fmt.Sprintf("/api/v1/audit/events?correlation_id=rr-1&limit=2&offset=%d", offset), "")
			for _, e := range listed.Data {
				actions = append(actions, e.Action)
			}
			if !listed.Pagination.HasMore {
				break
			}
		}
		if diff := cmp.Diff([]string{"a1", "a2", "a3", "a4", "a5"}, actions); diff != "" {
			t.Errorf("all pages (-want +got):\n%s", diff)
		}
	})
}

func TestListEventsFilters(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/audit/events/batch", batch(
			eventAt("rr-1", 1), edit(eventAt("rr-1", 2), map[string]any{"event_outcome": "failure", "severity": "critical"}),
			edit(eventAt("rr-2", 3), map[string]any{"event_category": "webhook", "event_type": "webhook.approval.decided"})))
		for query, want := range map[string]int{
			"": 3, "event_type=webhook.approval.decided": 1, "event_category=gateway": 2, "event_outcome=failure": 1, "severity=critical": 1,
			"since=2026-01-31T12:00:02Z": 2, "until=2026-01-31T12:00:02Z": 1, "since=2026-01-31T13:00:00%2B01:00": 3, "correlation_id=none": 0,
			"event_category=gateway&event_outcome=success": 1, "limit=1000": 3,
		} {
			var listed api.EventListing
			s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/audit/events?"+query, "")
			if listed.Pagination.Total != want || len(listed.Data) != want || listed.Data == nil {
				t.Errorf("%q: total %d and %d events, want %d", query, listed.Pagination.Total, len(listed.Data), want)
			}
		}
	})
}

func TestReconstruct(t *testing.T) {
	const spec = `{"signalFingerprint": "f", "signalName": "OOM", "severity": "critical", "signalType": "prometheus", "targetType": "kubernetes",
		"targetResource": {"kind": "Pod", "name": "p", "namespace": "n"}, "firingTime": "2026-01-31T12:00:00Z", "receivedTime": "2026-01-31T12:00:01Z"}`
	onEachDatabase(t, func(t *testing.T, s service) {
		s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/audit/events", eventAt("rr-1", 1))
		s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/audit/events", edit(eventAt("rr-1", 2), map[string]any{
			"event_type": "gateway.crd.created", "event_data": map[string]any{"remediation_request": map[string]any{"spec": json.RawMessage(spec)}},
		}))
		var got api.Reconstruction
		s.want(http.StatusOK, &got, http.MethodPost, "/api/v1/audit/remediation-requests/rr-1/reconstruct", "")
		if !got.Validation.IsValid || got.Validation.Completeness != 100 || got.CorrelationID != "rr-1" || got.ReconstructedAt.IsZero() {
			t.Errorf("got %+v", got)
		}
		s.want(http.StatusNotFound, nil, http.MethodPost, "/api/v1/audit/remediation-requests/rr-none/reconstruct", "")
		s.want(http.StatusBadRequest, nil, http.MethodPost, "/api/v1/audit/remediation-requests/"+url.PathEscape("' OR 1=1")+"/reconstruct", "")
	})
}
