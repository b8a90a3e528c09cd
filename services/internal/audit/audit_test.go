package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

// storage is a datastorage that records what it is sent. Events whose action is "invalid" are refused.
type storage struct {
	mu      sync.Mutex
	status  int // 0 means 201
	stored  []string
	batches []int
	tokens  []string
}

func (s *storage) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *storage) seen() (stored []string, batches []int, tokens []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(stored, s.stored...), append(batches, s.batches...), append(tokens, s.tokens...)
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	events, err := decode(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
		return
	}
	for _, event := range events {
		if event.Action == "invalid" || event.ID == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	s.batches = append(s.batches, len(events))
	for _, event := range events {
		s.stored = append(s.stored, event.Action)
	}
	w.WriteHeader(http.StatusCreated)
}

func decode(r *http.Request) (events []audit.Event, err error) {
	if r.URL.Path == "/api/v1/audit/events/batch" {
		return events, json.NewDecoder(r.Body).Decode(&events)
	}
	var event audit.Event
	err = json.NewDecoder(r.Body).Decode(&event)
	return []audit.Event{event}, err
}

type fixture struct {
	storage  *storage
	client   *audit.Client
	token    string
	log      *bytes.Buffer
	registry *prometheus.Registry
}

// start returns a client whose loop never wakes by itself: tests call Flush, unless they set the interval.
func start(t *testing.T, cfg audit.Config) fixture {
	t.Helper()
	f := fixture{storage: &storage{}, token: filepath.Join(t.TempDir(), "token"), log: &bytes.Buffer{}, registry: prometheus.NewRegistry()}
	server := httptest.NewServer(f.storage)
	t.Cleanup(server.Close)
	f.write(t, "first\n")
	cfg.URL, cfg.TokenFile, cfg.Registerer, cfg.Logger = server.URL, f.token, f.registry, slog.New(slog.NewTextHandler(f.log, nil))
	if cfg.Interval == 0 {
		cfg.Interval = time.Hour
	}
	var err error
	if f.client, err = audit.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.client.Close(context.Background()) })
	return f
}

func (f fixture) write(t *testing.T, token string) {
	t.Helper()
	if err := os.WriteFile(f.token, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f fixture) dropped(t *testing.T, reason string) float64 {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == "kubernaut_audit_events_dropped_total" && metric.GetLabel()[0].GetValue() == reason {
				return metric.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric for drops by %s", reason)
	return 0
}

func event(action string) audit.Event {
	return audit.NewEvent(names.EventSignalReceived, names.CategoryGateway, action, names.OutcomeSuccess, "rr-1", map[string]int{"x": 1})
}

func TestFlushSendsBatchesInOrder(t *testing.T) {
	f := start(t, audit.Config{BatchSize: 1000})
	var want []string
	for i := range 2500 {
		want = append(want, fmt.Sprint(i))
		f.client.Record(event(fmt.Sprint(i)))
	}
	if err := f.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, _, _ := f.storage.seen()
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestFullBatchAndIntervalWakeTheLoop(t *testing.T) {
	for name, cfg := range map[string]audit.Config{
		"full batch": {BatchSize: 2, Interval: time.Hour},
		"interval":   {BatchSize: 100, Interval: 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, cfg)
			f.client.Record(event("a"), event("b"))
			for stored := []string(nil); len(stored) < 2; time.Sleep(5 * time.Millisecond) {
				stored, _, _ = f.storage.seen()
			}
		})
	}
}

func TestFailedDeliveryKeepsEvents(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusNotFound} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			f := start(t, audit.Config{})
			f.storage.answer(status)
			f.client.Record(event("a"))
			if err := f.client.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
				t.Errorf("Flush: %v, want an error with %d", err, status)
			}
			f.storage.answer(0)
			if err := f.client.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			stored, _, _ := f.storage.seen()
			if diff := cmp.Diff([]string{"a"}, stored); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvalidEventsAloneAreDropped(t *testing.T) {
	f := start(t, audit.Config{})
	f.client.Record(event("a"), event("invalid"), event("b"))
	if err := f.client.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	stored, _, _ := f.storage.seen()
	if diff := cmp.Diff([]string{"a", "b"}, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if got := f.dropped(t, "invalid"); got != 1 {
		t.Errorf("dropped %v, want 1", got)
	}
}

func TestFullBufferDropsLoudly(t *testing.T) {
	f := start(t, audit.Config{Capacity: 2})
	f.client.Record(event("a"))
	f.client.Record(event("b"), event("c"), event("d"))
	if got := f.dropped(t, "buffer_full"); got != 2 {
		t.Errorf("dropped %v, want 2", got)
	}
	if !strings.Contains(f.log.String(), "audit events dropped") || !strings.Contains(f.log.String(), "count=2") {
		t.Errorf("the log is silent: %s", f.log)
	}
}

func TestTokenIsReadAtEachDelivery(t *testing.T) {
	f := start(t, audit.Config{})
	for _, token := range []string{"one", "two\n"} {
		f.write(t, token)
		f.client.Record(event(token))
		if err := f.client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(f.token); err != nil {
		t.Fatal(err)
	}
	f.client.Record(event("three"))
	if err := f.client.Flush(t.Context()); err == nil {
		t.Error("Flush without a token file: no error")
	}
	_, _, tokens := f.storage.seen()
	if diff := cmp.Diff([]string{"Bearer one", "Bearer two"}, tokens); diff != "" {
		t.Errorf("Authorization (-want +got):\n%s", diff)
	}
}

func TestClose(t *testing.T) {
	f := start(t, audit.Config{})
	f.client.Record(event("a"))
	if err := f.client.Close(t.Context()); err != nil {
		t.Error(err)
	}
	stored, _, _ := f.storage.seen()
	if diff := cmp.Diff([]string{"a"}, stored); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	f.client.Record(event("late"))
	if got := f.dropped(t, "closed"); got != 1 {
		t.Errorf("dropped %v after Close, want 1", got)
	}
	if err := f.client.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseWithoutStorage(t *testing.T) {
	f := start(t, audit.Config{})
	f.storage.answer(http.StatusServiceUnavailable)
	f.client.Record(event("a"), event("b"))
	if err := f.client.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "2 undelivered events") {
		t.Errorf("Close: %v, want an error that counts 2 events", err)
	}
	if got := f.dropped(t, "closed"); got != 2 {
		t.Errorf("dropped %v, want 2", got)
	}
}

func TestNewRefusesURLs(t *testing.T) {
	for _, url := range []string{"", "datastorage:8080", "ftp://x", "http://", "://"} {
		if _, err := audit.New(audit.Config{URL: url}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", url)) {
			t.Errorf("New(%q): %v, want an error that quotes it", url, err)
		}
	}
}

func TestNewEvent(t *testing.T) {
	e := event("a")
	if _, err := uuid.Parse(e.ID); err != nil || e.Timestamp.IsZero() || string(e.Data) != `{"x":1}` || e.Version != audit.EventVersion {
		t.Errorf("got %+v", e)
	}
	broken := audit.NewEvent(names.EventCRDFailed, names.CategoryGateway, "a", names.OutcomeFailure, "rr-1", make(chan int))
	if !strings.Contains(string(broken.Data), "encoding_error") {
		t.Errorf("data %s, want an object that tells the error", broken.Data)
	}
}

func TestOnceGivesAnOccasionOneID(t *testing.T) {
	event := func(kind names.EventType, uid, occasion string) string {
		e := audit.NewEvent(kind, names.CategorySignalProcessing, "a", names.OutcomeSuccess, "rr", nil)
		return e.Once(uid, occasion).ID
	}
	first := event(names.EventSignalProcessed, "u1", "o1")
	if again := event(names.EventSignalProcessed, "u1", "o1"); again != first || uuid.Validate(first) != nil {
		t.Errorf("the same occasion: got ids %q and %q, want one UUID", first, again)
	}
	for name, other := range map[string]string{
		"type":     event(names.EventBusinessClassified, "u1", "o1"),
		"object":   event(names.EventSignalProcessed, "u2", "o1"),
		"occasion": event(names.EventSignalProcessed, "u1", "o2"),
	} {
		if other == first {
			t.Errorf("another %s: got the same id", name)
		}
	}
}
