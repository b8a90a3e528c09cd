package policywatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/policywatch"
)

const (
	good = "package paint.colour\n\nname := \"red\"\n"
	bad  = "package paint.colour\n\nname := dye(input)\n"
)

// world is a folder of policies, and everything that hears of its loads.
type world struct {
	dir      string
	checks   map[string]healthz.Checker
	added    []manager.Runnable
	events   []audit.Event
	log      bytes.Buffer
	registry *prometheus.Registry
}

func (w *world) Add(runnable manager.Runnable) error {
	w.added = append(w.added, runnable)
	return nil
}

func (w *world) AddReadyzCheck(name string, check healthz.Checker) error {
	w.checks[name] = check
	return nil
}

func (w *world) Record(events ...audit.Event) { w.events = append(w.events, events...) }

func open(t *testing.T, text string) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), checks: map[string]healthz.Checker{}, registry: prometheus.NewRegistry()}
	w.write(t, text)
	_, err := policywatch.Open(t.Context(), w, policywatch.Config{
		Component: "foo", Dir: w.dir, Packages: []string{"paint.colour"}, Event: names.EventAnalysisError, Category: names.CategoryAnalysis,
		Namespace: "ns", Audit: w, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Registerer: w.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "colour.rego"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGoodLoad(t *testing.T) {
	w := open(t, good)
	if err := w.checks["policies"](nil); err != nil {
		t.Errorf("got %v, want it ready", err)
	}
	if len(w.events) != 0 {
		t.Errorf("a good load is recorded: %v", w.events)
	}
	if diff := cmp.Diff(map[string]float64{"success": 1, "failure": 0}, w.loads(t)); diff != "" {
		t.Errorf("loads by outcome (-want +got):\n%s", diff)
	}
	if !strings.Contains(w.log.String(), `msg="policies are in force"`) {
		t.Errorf("log %q does not tell of the load", w.log.String())
	}
}

func TestBadLoad(t *testing.T) {
	w := open(t, bad)
	err := w.checks["policies"](nil)
	if err == nil || !strings.Contains(err.Error(), "undefined function dye") {
		t.Fatalf("got %v, want it not ready because of dye", err)
	}
	if len(w.events) != 1 {
		t.Fatalf("got %d events, want 1", len(w.events))
	}
	data, _ := json.Marshal(map[string]string{"error": err.Error()})
	event := w.events[0]
	got := []string{string(event.Type), string(event.Category), event.Action, event.CorrelationID, string(event.Outcome), event.ActorType, event.ActorID, event.Namespace, string(event.Data)}
	want := []string{string(names.EventAnalysisError), string(names.CategoryAnalysis), "load-policies", "foo", string(names.OutcomeFailure), "service", "foo", "ns", string(data)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("type, category, action, correlation id, outcome, actor, namespace, data (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]float64{"success": 0, "failure": 1}, w.loads(t)); diff != "" {
		t.Errorf("loads by outcome (-want +got):\n%s", diff)
	}
	if !strings.Contains(w.log.String(), `msg="policies are not taken over"`) || !strings.Contains(w.log.String(), "undefined function dye") {
		t.Errorf("log %q does not name the error", w.log.String())
	}
}

// A replica that does not lead follows the changes as well.
func TestChangesAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, bad)
		ctx, cancel := context.WithCancel(t.Context())
		for _, runnable := range w.added {
			if led, ok := runnable.(manager.LeaderElectionRunnable); !ok || led.NeedLeaderElection() {
				t.Errorf("%T waits for an election", runnable)
			}
			go func() { _ = runnable.Start(ctx) }()
		}
		w.write(t, good)
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		if err := w.checks["policies"](nil); err != nil {
			t.Errorf("got %v, want it ready", err)
		}
		if diff := cmp.Diff(map[string]float64{"success": 1, "failure": 1}, w.loads(t)); diff != "" {
			t.Errorf("loads by outcome (-want +got):\n%s", diff)
		}
	})
}

func (w *world) loads(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "kubernaut_foo_policy_loads_total" {
		t.Fatalf("got metrics %v and error %v, want one", families, err)
	}
	counts := map[string]float64{}
	for _, metric := range families[0].GetMetric() {
		counts[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
	}
	return counts
}
