package datastorage_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
)

// stored answers a post of one event.
type stored struct {
	EventID        string    `json:"event_id"`
	EventTimestamp time.Time `json:"event_timestamp"`
}

func (s *suite) validEvent(t *testing.T) {
	event := records.Event(s.flow("ds1"))
	duration := int64(12)
	event.ActorType, event.ActorID, event.ResourceType, event.ResourceID = "user", "alice", "Pod", "shop/web-0"
	event.ParentEventID, event.Namespace, event.ClusterName, event.Severity = uuid.NewString(), "shop", "east", "critical"
	event.DurationMS = &duration
	event.Data = json.RawMessage(`{"nested":{"list":[1,"zwei",null]},"number":12345678901234567}`)
	var got stored
	s.send(t, http.StatusCreated, "POST", records.EventsPath, event, &got)
	if _, err := uuid.Parse(got.EventID); err != nil || !got.EventTimestamp.Equal(event.Timestamp) {
		t.Errorf("got %+v, want a UUID and the time %v", got, event.Timestamp)
	}
	event.ID = got.EventID
	if diff := contrast.Diff([]api.AuditEvent{event}, s.events(t, event.CorrelationID)); diff != "" {
		t.Errorf("stored events (-want +got):\n%s", diff)
	}
}

func (s *suite) missingField(t *testing.T) {
	for _, field := range []string{
		"version", "event_type", "event_timestamp", "event_category", "event_action", "event_outcome", "correlation_id", "event_data",
	} {
		t.Run("DS2_"+field, func(t *testing.T) {
			event := records.Event(s.flow("ds2"))
			bad := records.Edited(event, map[string]any{field: nil})
			s.wantProblem(t, s.DataStorage.Request("POST", records.EventsPath, bad), http.StatusBadRequest, field)
			s.wantNoEvents(t, event.CorrelationID)
		})
	}
}

func (s *suite) unknownWord(t *testing.T) {
	for field, value := range map[string]string{"event_outcome": "maybe", "event_category": "weather"} {
		t.Run("DS3_"+field, func(t *testing.T) {
			event := records.Event(s.flow("ds3"))
			bad := records.Edited(event, map[string]any{field: value})
			s.wantProblem(t, s.DataStorage.Request("POST", records.EventsPath, bad), http.StatusBadRequest, field)
			s.wantNoEvents(t, event.CorrelationID)
		})
	}
}

func (s *suite) batch(t *testing.T) {
	correlation := s.flow("ds7")
	events := make([]api.AuditEvent, 25)
	for i := range events {
		events[i] = records.Event(correlation)
	}
	var answer struct {
		EventIDs []string `json:"event_ids"`
	}
	s.send(t, http.StatusCreated, "POST", records.BatchPath, events, &answer)
	if diff := contrast.Diff(answer.EventIDs, ids(s.events(t, correlation))); diff != "" || len(answer.EventIDs) != len(events) {
		t.Errorf("got %d ids, want %d, and the same stored (-answered +stored):\n%s", len(answer.EventIDs), len(events), diff)
	}
	t.Run("DS7_one_bad_event", func(t *testing.T) {
		correlation := s.flow("ds7bad")
		bad := records.Edited(records.Event(correlation), map[string]any{"event_outcome": "maybe"})
		request := s.DataStorage.Request("POST", records.BatchPath, []any{records.Event(correlation), bad, records.Event(correlation)})
		s.wantProblem(t, request, http.StatusBadRequest, "[1].event_outcome")
		s.wantNoEvents(t, correlation)
	})
	t.Run("DS7_empty", func(t *testing.T) {
		s.wantProblem(t, s.DataStorage.Request("POST", records.BatchPath, []any{}), http.StatusBadRequest)
	})
}

// query posts two flows mixed, and each from its latest event to its first.
func (s *suite) query(t *testing.T) {
	const n = 10
	own, other := s.flow("ds8"), s.flow("ds8other")
	first := time.Now().UTC().Truncate(time.Second)
	want := make([]string, n)
	for i := n - 1; i >= 0; i-- {
		want[i] = "step-" + strconv.Itoa(i)
		for _, correlation := range []string{own, other} {
			event := records.Event(correlation)
			event.Action, event.Timestamp = want[i], first.Add(time.Duration(i)*time.Second)
			s.post(t, event)
		}
	}
	all := s.events(t, own)
	if diff := contrast.Diff(want, actions(all)); diff != "" {
		t.Errorf("actions of the flow (-want +got):\n%s", diff)
	}
	for _, event := range all {
		if event.CorrelationID != own {
			t.Errorf("got an event of flow %s, want %s", event.CorrelationID, own)
		}
	}
	t.Run("DS8_pages_do_not_overlap", func(t *testing.T) { s.pages(t, own, want) })
	for name, query := range map[string]url.Values{
		"limit_0":           {"limit": {"0"}},
		"limit_1001":        {"limit": {"1001"}},
		"limit_ten":         {"limit": {"ten"}},
		"negative_offset":   {"offset": {"-1"}},
		"unknown_outcome":   {"event_outcome": {"maybe"}},
		"unknown_parameter": {"correlation": {own}},
	} {
		t.Run("DS8_"+name, func(t *testing.T) {
			fields := slices.Collect(maps.Keys(query))
			s.wantProblem(t, s.DataStorage.Request("GET", records.EventsPath+"?"+query.Encode(), nil), http.StatusBadRequest, fields...)
		})
	}
}

func (s *suite) pages(t *testing.T, correlation string, want []string) {
	const limit = 3
	var got []string
	for offset := 0; offset < len(want); offset += limit {
		page := s.page(t, url.Values{"correlation_id": {correlation}, "limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset)}})
		wantPage := api.Page{Limit: limit, Offset: offset, Total: len(want), HasMore: offset+limit < len(want)}
		if diff := contrast.Diff(wantPage, page.Pagination); diff != "" {
			t.Errorf("pagination at %d (-want +got):\n%s", offset, diff)
		}
		got = append(got, actions(page.Data)...)
	}
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("actions of all pages (-want +got):\n%s", diff)
	}
}

func (s *suite) repeated(t *testing.T) {
	event := records.Event(s.flow("ds19"))
	event.ID = uuid.NewString()
	for range 2 {
		var got stored
		s.send(t, http.StatusCreated, "POST", records.EventsPath, event, &got)
		if got.EventID != event.ID {
			t.Errorf("id: got %q, want the sender's %q", got.EventID, event.ID)
		}
	}
	if got := s.events(t, event.CorrelationID); len(got) != 1 {
		t.Errorf("got %d events, want 1", len(got))
	}
}

func (s *suite) filters(t *testing.T) {
	correlation := s.flow("ds21")
	early, late := records.Event(correlation), records.Event(correlation)
	early.Severity, early.Timestamp = "low", late.Timestamp.Add(-time.Hour)
	late.Severity, late.Outcome, late.Category, late.Type = "high", api.OutcomeFailure, api.CategoryWebhook, api.EventCRDCreated
	early.ID, late.ID = uuid.NewString(), uuid.NewString()
	s.post(t, early)
	s.post(t, late)
	border := late.Timestamp.Format(time.RFC3339Nano)
	for name, test := range map[string]struct {
		filter url.Values
		want   string
	}{
		"type":     {url.Values{"event_type": {string(late.Type)}}, late.ID},
		"category": {url.Values{"event_category": {string(late.Category)}}, late.ID},
		"outcome":  {url.Values{"event_outcome": {string(late.Outcome)}}, late.ID},
		"severity": {url.Values{"severity": {early.Severity}}, early.ID},
		"since":    {url.Values{"since": {border}}, late.ID},
		"until":    {url.Values{"until": {border}}, early.ID},
	} {
		t.Run("DS21_"+name, func(t *testing.T) {
			maps.Copy(test.filter, url.Values{"correlation_id": {correlation}})
			if diff := contrast.Diff([]string{test.want}, ids(s.page(t, test.filter).Data)); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

// parallel posts many events of one flow at once: SQLite has a single writer, and none of the others may be turned away.
func (s *suite) parallel(t *testing.T) {
	correlation := s.flow("ds22")
	var want []string
	var posts sync.WaitGroup
	for range 40 {
		event := records.Event(correlation)
		event.ID = uuid.NewString()
		want = append(want, event.ID)
		posts.Go(func() {
			request := s.DataStorage.Request("POST", records.EventsPath, event)
			if err := s.DataStorage.Send(t.Context(), http.StatusCreated, request, nil); err != nil {
				t.Error(err)
			}
		})
	}
	posts.Wait()
	got := ids(s.events(t, correlation))
	slices.Sort(want)
	slices.Sort(got)
	if diff := contrast.Diff(want, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func ids(events []api.AuditEvent) []string {
	return texts(events, func(event api.AuditEvent) string { return event.ID })
}

func actions(events []api.AuditEvent) []string {
	return texts(events, func(event api.AuditEvent) string { return event.Action })
}

func texts[T any](list []T, text func(T) string) []string {
	var all []string
	for _, one := range list {
		all = append(all, text(one))
	}
	return all
}
