package session

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

// Publish puts workflows into the catalogue until the test is over.
func (s *Session) Publish(t *testing.T, workflows ...api.Workflow) {
	t.Helper()
	for _, workflow := range workflows {
		s.Eventually(t, func(ctx context.Context) error { // the API server learns of a new binding a moment after it was made
			id, err := s.DataStorage.Publish(ctx, workflow)
			if err == nil {
				Finally(t, func(ctx context.Context) error { return s.DataStorage.Archive(ctx, id) })
			}
			return err
		})
	}
}

// Flow returns all events of a flow in their order.
func (s *Session) Flow(ctx context.Context, correlation string) ([]api.AuditEvent, error) {
	page, err := s.DataStorage.Events(ctx, url.Values{"correlation_id": {correlation}, "limit": {"1000"}})
	return page.Data, err
}

// WantEvents waits until datastorage has exactly these numbers of events by type under the correlation id.
func (s *Session) WantEvents(t *testing.T, correlation string, want map[string]int) {
	t.Helper()
	s.WantTitles(t, correlation, want, func(event api.AuditEvent) string { return string(event.Type) })
}

// WantTitles waits until datastorage has exactly these numbers of events by title under the correlation id, and returns them
// in their order. Events without a title are left out.
func (s *Session) WantTitles(t *testing.T, correlation string, want map[string]int, title func(api.AuditEvent) string) (events []api.AuditEvent) {
	t.Helper()
	s.Eventually(t, func(ctx context.Context) error {
		all, err := s.Flow(ctx, correlation)
		if err != nil {
			return err
		}
		var got map[string]int
		events, got = titled(all, title)
		if diff := contrast.Diff(want, got); diff != "" {
			return fmt.Errorf("events of %s (-want +got):\n%s", correlation, diff)
		}
		return nil
	})
	return events
}

func titled(all []api.AuditEvent, title func(api.AuditEvent) string) (events []api.AuditEvent, counts map[string]int) {
	counts = map[string]int{}
	for _, event := range all {
		if text := title(event); text != "" {
			counts[text]++
			events = append(events, event)
		}
	}
	return events, counts
}
