package session_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
	"github.com/kubernaut/kubernaut/test/e2e/internal/session"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

// serve returns a session whose datastorage creates whatever it is sent and answers each request with the next of answers, at
// the end with the last one again. Methods of requests are appended to seen.
func serve(t *testing.T, answers ...string) (s *session.Session, seen *[]string) {
	seen = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.Method)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = io.WriteString(w, answers[0])
		answers = answers[min(1, len(answers)-1):]
	}))
	t.Cleanup(server.Close)
	return &session.Session{DataStorage: records.Caller{Service: wire.NewClient(server.URL)}}, seen
}

func TestWantTitlesWaitsForTheLastEventAndLeavesOthersOut(t *testing.T) {
	const early = `{"data":[{"event_type":"a","event_action":"x"},{"event_type":"b"}]}`
	const late = `{"data":[{"event_type":"a","event_action":"x"},{"event_type":"b"},{"event_type":"a","event_action":"y"}]}`
	s, seen := serve(t, early, late)
	events := s.WantTitles(t, "rr-1", map[string]int{"A": 2}, func(event api.AuditEvent) string {
		return map[api.EventType]string{"a": "A"}[event.Type]
	})
	var got []string
	for _, event := range events {
		got = append(got, event.Action)
	}
	if diff := cmp.Diff([]string{"x", "y"}, got); diff != "" || len(*seen) != 2 {
		t.Errorf("after %d requests, want 2; actions (-want +got):\n%s", len(*seen), diff)
	}
}

func TestPublishArchivesAfterTheTest(t *testing.T) {
	s, seen := serve(t, "{}")
	t.Run("suite", func(t *testing.T) {
		s.Publish(t, records.Remedies("staging")[:2]...)
		if diff := cmp.Diff([]string{"POST", "POST"}, *seen); diff != "" {
			t.Errorf("before the end (-want +got):\n%s", diff)
		}
	})
	if diff := cmp.Diff([]string{"POST", "POST", "PATCH", "PATCH"}, *seen); diff != "" {
		t.Errorf("after the end (-want +got):\n%s", diff)
	}
}

func TestFinallyHasALivingContextInReverseOrder(t *testing.T) {
	var got []string
	t.Run("suite", func(t *testing.T) {
		for _, name := range []string{"first", "second"} {
			session.Finally(t, func(ctx context.Context) error {
				got = append(got, name)
				return ctx.Err()
			})
		}
	})
	if diff := cmp.Diff([]string{"second", "first"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
