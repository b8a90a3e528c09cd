package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/datastorage/store"
	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/postgrestest"
)

// onEachDatabase runs a test against every kind of database, each time with an empty one.
func onEachDatabase(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	run := func(name string, cfg func(t *testing.T) store.Config) {
		t.Run(name, func(t *testing.T) {
			s := open(t, cfg(t))
			test(t, s)
		})
	}
	run("sqlite memory", func(*testing.T) store.Config { return store.Config{} })
	run("sqlite file", func(t *testing.T) store.Config { return store.Config{DataDir: t.TempDir()} })
	run("postgres", func(t *testing.T) store.Config { return store.Config{DatabaseURL: postgrestest.Start(t).Database()} })
}

func open(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// start is a fixed time with microseconds, the store's precision.
func start() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC) }

func event(correlation string, offset time.Duration) audit.Event {
	return audit.Event{
		ID: uuid.NewString(), Version: "1.0", Type: names.EventSignalReceived, Timestamp: start().Add(offset), Category: names.CategoryGateway,
		Action: "receive", Outcome: names.OutcomeSuccess, CorrelationID: correlation, Data: json.RawMessage(`{"b": 1, "a": [1e2, "\u0000"]}`),
	}
}

func TestEvents(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s *store.Store) {
		duration := int64(0)
		full := event("rr-1", 2*time.Second)
		full.ActorType, full.ActorID, full.ResourceType, full.ResourceID = "service", "gateway", "pod", `o'brien "x" \`
		full.ParentEventID, full.Namespace, full.ClusterName, full.Severity, full.DurationMS = uuid.NewString(), "n", "c", "critical", &duration
		full.Type, full.Category, full.Outcome = names.EventMessageSent, names.CategoryNotification, names.OutcomeFailure
		early, tied, other := event("rr-1", 0), event("rr-1", 2*time.Second), event("rr-2", time.Second)
		all := []audit.Event{full, early, tied, other}
		if err := s.AppendEvents(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name   string
			filter store.EventFilter
			want   []audit.Event
			total  int
		}{
			{"all in time order, ties in order of arrival", store.EventFilter{}, []audit.Event{early, other, full, tied}, 4},
			{"correlation", store.EventFilter{CorrelationID: "rr-1"}, []audit.Event{early, full, tied}, 3},
			{"page", store.EventFilter{CorrelationID: "rr-1", Limit: 1, Offset: 1}, []audit.Event{full}, 3},
			{"page past the end", store.EventFilter{Limit: 5, Offset: 9}, []audit.Event{}, 4},
			{"type", store.EventFilter{Type: names.EventMessageSent}, []audit.Event{full}, 1},
			{"category", store.EventFilter{Category: names.CategoryNotification}, []audit.Event{full}, 1},
			{"outcome", store.EventFilter{Outcome: names.OutcomeFailure}, []audit.Event{full}, 1},
			{"severity", store.EventFilter{Severity: "critical"}, []audit.Event{full}, 1},
			{"since is inclusive", store.EventFilter{Since: start().Add(time.Second)}, []audit.Event{other, full, tied}, 3},
			{"until is exclusive", store.EventFilter{Until: start().Add(time.Second)}, []audit.Event{early}, 1},
			{"a statement as a value", store.EventFilter{CorrelationID: "x' OR '1'='1"}, []audit.Event{}, 0},
		} {
			got, total, err := s.Events(t.Context(), test.filter)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || total != test.total {
				t.Errorf("%s: total %d, want %d; events (-want +got):\n%s", test.name, total, test.total, diff)
			}
		}
	})
}

func TestAppendEventsIsWhole(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s *store.Store) {
		first := event("rr-1", 0)
		if err := s.AppendEvents(t.Context(), []audit.Event{first}); err != nil {
			t.Fatal(err)
		}
		broken := event("rr-1", 2)
		broken.Data = json.RawMessage(`{"a":`)
		if err := s.AppendEvents(t.Context(), []audit.Event{event("rr-1", 1), broken}); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("AppendEvents of data that are no JSON: %v, want an error of its own", err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.AppendEvents(cancelled, []audit.Event{event("rr-1", 1)}); err == nil {
			t.Error("AppendEvents with a cancelled context: no error")
		}
		again := first
		again.Action = "other"
		if err := s.AppendEvents(t.Context(), []audit.Event{again, event("rr-1", 3)}); err != nil {
			t.Fatal(err)
		}
		got, total, err := s.Events(t.Context(), store.EventFilter{})
		if err != nil || total != 2 || got[0].Action != first.Action {
			t.Errorf("after a repeated id: %d events, first action %q, error %v; want 2, %q, nil", total, got[0].Action, err, first.Action)
		}
	})
}

func TestAppendEventsInParallel(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s *store.Store) {
		const writers, each = 8, 10
		var group sync.WaitGroup
		errs := make(chan error, writers)
		for range writers {
			group.Go(func() {
				var batch []audit.Event
				for i := range each {
					batch = append(batch, event("rr-1", time.Duration(i)))
				}
				errs <- s.AppendEvents(t.Context(), batch)
			})
		}
		group.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if _, total, err := s.Events(t.Context(), store.EventFilter{Limit: 1}); err != nil || total != writers*each {
			t.Errorf("stored %d events, error %v; want %d", total, err, writers*each)
		}
	})
}

func workflow(id, version string) catalog.Workflow {
	return catalog.Workflow{
		ID: id, WorkflowName: "w-" + id, Version: version, Name: "It's a name", Description: "d", Content: "a\nb", ContentHash: "h",
		Labels:          catalog.Labels{SignalType: "OOMKilled", Severity: "critical", Component: "pod", Environment: []string{"production"}, Priority: "P0"},
		ExecutionEngine: "job", Status: catalog.StatusActive, Parameters: json.RawMessage(`{"x":1}`), IsLatestVersion: true,
		CustomLabels: map[string]string{"team": "a"},
	}
}

func TestWorkflows(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s *store.Store) {
		first, second, other := workflow("1", "v1"), workflow("1", "v2"), workflow("2", "v1")
		other.Labels.Component, other.Labels.Priority, other.Labels.Environment = "node", "P1", []string{"staging"}
		for _, w := range []catalog.Workflow{first, second, other} {
			if err := s.CreateWorkflow(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.CreateWorkflow(t.Context(), workflow("1", "v1")); !errors.Is(err, store.ErrConflict) {
			t.Errorf("CreateWorkflow of a stored version: %v, want ErrConflict", err)
		}
		first.IsLatestVersion = false
		for _, test := range []struct {
			name   string
			filter store.WorkflowFilter
			want   []catalog.Workflow
			total  int
		}{
			{"all", store.WorkflowFilter{}, []catalog.Workflow{first, second, other}, 3},
			{"latest", store.WorkflowFilter{LatestOnly: true}, []catalog.Workflow{second, other}, 2},
			{"id", store.WorkflowFilter{ID: "1", LatestOnly: true}, []catalog.Workflow{second}, 1},
			{"name", store.WorkflowFilter{WorkflowName: "w-2"}, []catalog.Workflow{other}, 1},
			{"component", store.WorkflowFilter{Component: "node"}, []catalog.Workflow{other}, 1},
			{"priority", store.WorkflowFilter{Priority: "P1"}, []catalog.Workflow{other}, 1},
			{"environment", store.WorkflowFilter{Environment: "staging"}, []catalog.Workflow{other}, 1},
			{"status", store.WorkflowFilter{Status: catalog.StatusArchived}, []catalog.Workflow{}, 0},
			{"page", store.WorkflowFilter{Limit: 1, Offset: 1}, []catalog.Workflow{second}, 3},
		} {
			got, total, err := s.Workflows(t.Context(), test.filter)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || total != test.total {
				t.Errorf("%s: total %d, want %d; workflows (-want +got):\n%s", test.name, total, test.total, diff)
			}
		}
	})
}

func TestUpdateWorkflow(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s *store.Store) {
		for _, version := range []string{"v1", "v2"} {
			if err := s.CreateWorkflow(t.Context(), workflow("1", version)); err != nil {
				t.Fatal(err)
			}
		}
		want := workflow("1", "v2")
		want.Status, want.DisabledBy = catalog.StatusDisabled, "somebody"
		got, err := s.UpdateWorkflow(t.Context(), "1", func(w *catalog.Workflow) { w.Status, w.DisabledBy = want.Status, want.DisabledBy })
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("UpdateWorkflow: error %v (-want +got):\n%s", err, diff)
		}
		found, _, err := s.Workflows(t.Context(), store.WorkflowFilter{Status: catalog.StatusDisabled})
		if diff := cmp.Diff([]catalog.Workflow{want}, found); diff != "" || err != nil {
			t.Errorf("after UpdateWorkflow: error %v (-want +got):\n%s", err, diff)
		}
		if _, err := s.UpdateWorkflow(t.Context(), "none", func(*catalog.Workflow) {}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("UpdateWorkflow of an unknown id: %v, want ErrNotFound", err)
		}
	})
}

// Versions that arrive at once must end with one latest version and no lost one.
func TestCreateWorkflowInParallel(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s *store.Store) {
		const versions = 12
		var group sync.WaitGroup
		errs := make([]error, versions)
		for i := range versions {
			group.Go(func() { errs[i] = s.CreateWorkflow(t.Context(), workflow("1", fmt.Sprint("v", i))) })
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		_, all, err := s.Workflows(t.Context(), store.WorkflowFilter{})
		_, latest, err2 := s.Workflows(t.Context(), store.WorkflowFilter{LatestOnly: true})
		if all != versions || latest != 1 || err != nil || err2 != nil {
			t.Errorf("%d versions, %d latest, errors %v %v; want %d, 1", all, latest, err, err2, versions)
		}
	})
}

// Data outlive the store on a file and on a server, and migrations run again without harm.
func TestReopen(t *testing.T) {
	for name, config := range map[string]func(t *testing.T) store.Config{
		"sqlite file": func(t *testing.T) store.Config { return store.Config{DataDir: t.TempDir()} },
		"postgres":    func(t *testing.T) store.Config { return store.Config{DatabaseURL: postgrestest.Start(t).Database()} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			if err := open(t, cfg).AppendEvents(t.Context(), []audit.Event{event("rr-1", 0)}); err != nil {
				t.Fatal(err)
			}
			if _, total, err := open(t, cfg).Events(t.Context(), store.EventFilter{}); total != 1 || err != nil {
				t.Errorf("after reopening: %d events, error %v; want 1", total, err)
			}
		})
	}
}

// empty takes everything out of a PostgreSQL database.
func empty(t *testing.T, database string) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
}

func TestUnavailable(t *testing.T) {
	t.Run("not migrated", func(t *testing.T) {
		s, err := store.Open(store.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, _, err := s.Events(t.Context(), store.EventFilter{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Events: %v, want ErrUnavailable", err)
		}
		if err := s.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ready: %v, want ErrUnavailable", err)
		}
	})
	t.Run("postgres comes back empty", func(t *testing.T) {
		database := postgrestest.Start(t).Database()
		s := open(t, store.Config{DatabaseURL: database})
		empty(t, database)
		if err := s.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) || s.Migrated() {
			t.Errorf("Ready without the schema: %v, want ErrUnavailable, and not migrated", err)
		}
		if _, _, err := s.Events(t.Context(), store.EventFilter{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Events without the schema: %v, want ErrUnavailable", err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Ready(t.Context()), s.AppendEvents(t.Context(), []audit.Event{event("rr-1", 0)})); err != nil {
			t.Errorf("after Migrate: %v", err)
		}
	})
	t.Run("a caller that gives up", func(t *testing.T) {
		s := open(t, store.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Ready(ctx); err == nil || !s.Migrated() {
			t.Errorf("Ready of a caller that has gone: %v and migrated %v, want an error and still migrated", err, s.Migrated())
		}
	})
	t.Run("postgres goes and comes", func(t *testing.T) {
		server := postgrestest.Start(t)
		s := open(t, store.Config{DatabaseURL: server.Database()})
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Stop()
		if err := s.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Ready without a server: %v, want ErrUnavailable", err)
		}
		if err := s.AppendEvents(t.Context(), []audit.Event{event("rr-1", 0)}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("AppendEvents without a server: %v, want ErrUnavailable", err)
		}
		server.Resume()
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("Ready after the server's return: %v", err)
		}
		if err := s.AppendEvents(t.Context(), []audit.Event{event("rr-1", 0)}); err != nil {
			t.Errorf("AppendEvents after the server's return: %v", err)
		}
	})
}

func TestOpenHidesTheURL(t *testing.T) {
	_, err := store.Open(store.Config{DatabaseURL: "postgres://user:hunter2@host:notaport/x"})
	if diff := cmp.Diff("DATABASE_URL must be postgres://user@host:port/database or key=value pairs", fmt.Sprint(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
