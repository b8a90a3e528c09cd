package datastorage_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
	"github.com/kubernaut/kubernaut/test/e2e/internal/records"
)

func (s *suite) createWorkflow(t *testing.T) {
	workflow := s.workflow("ds9", "production")
	created := s.create(t, workflow)
	if want := records.WorkflowID(workflow.WorkflowName, "production"); created.ID != want {
		t.Errorf("id: got %s, want %s", created.ID, want)
	}
	if created.CreatedAt == nil || created.UpdatedAt == nil {
		t.Errorf("got %+v, want the times of creation and change", created)
	}
	want := workflow
	want.ID, want.IsLatestVersion, want.CreatedAt, want.UpdatedAt = created.ID, true, created.CreatedAt, created.UpdatedAt
	if diff := contrast.Diff(want, s.get(t, created.ID)); diff != "" {
		t.Errorf("workflow (-want +got):\n%s", diff)
	}
	t.Run("DS9_again", func(t *testing.T) {
		s.wantProblem(t, s.DataStorage.Request("POST", records.WorkflowsPath, workflow), http.StatusConflict)
	})
	t.Run("DS9_other_environment", func(t *testing.T) {
		other := s.workflow("ds9", "staging")
		if got, want := s.create(t, other).ID, records.WorkflowID(other.WorkflowName, "staging"); got != want || got == created.ID {
			t.Errorf("id: got %s, want %s", got, want)
		}
	})
	t.Run("DS9_other_version", func(t *testing.T) {
		other := workflow
		other.Version = "2.0.0"
		if got := s.create(t, other); got.ID != created.ID || !got.IsLatestVersion {
			t.Errorf("got %+v, want the id %s and the latest version", got, created.ID)
		}
		if got := s.get(t, created.ID).Version; got != "2.0.0" {
			t.Errorf("version: got %q, want the latest", got)
		}
	})
	t.Run("DS9_wrong_hash", func(t *testing.T) {
		bad := s.workflow("ds9bad", "production")
		bad.Content += "# changed on the way"
		s.wantProblem(t, s.DataStorage.Request("POST", records.WorkflowsPath, bad), http.StatusBadRequest, "content_hash")
	})
}

// candidates makes four workflows for one signal: the fewer wildcards, the better. The best one is disabled.
func (s *suite) candidates(t *testing.T) (signal string, best, good, fair, poor string) {
	t.Helper()
	add := func(name string, change func(*api.WorkflowLabels)) string {
		workflow := s.workflow("ds10", "production")
		signal = workflow.Labels.SignalType
		workflow.WorkflowName += name
		change(&workflow.Labels)
		return s.create(t, workflow).ID
	}
	poor = add("poor", func(l *api.WorkflowLabels) {
		l.Component, l.Priority, l.Severity = api.AnyLabel, api.AnyLabel, api.AnyLabel
	})
	good = add("good", func(l *api.WorkflowLabels) { l.Component = api.AnyLabel })
	fair = add("fair", func(l *api.WorkflowLabels) { l.Component, l.Priority = api.AnyLabel, api.AnyLabel })
	best = add("best", func(*api.WorkflowLabels) {})
	add("misfit", func(l *api.WorkflowLabels) { l.Environment = []string{"staging"} })
	s.send(t, http.StatusOK, "PATCH", records.WorkflowPath(best)+"/disable", map[string]any{"reason": "test"}, nil)
	return signal, best, good, fair, poor
}

func (s *suite) search(t *testing.T) {
	signal, best, good, fair, poor := s.candidates(t)
	filters := api.SearchFilters{SignalType: signal, Severity: "critical", Component: "pod", Environment: "production", Priority: "P0"}
	for name, test := range map[string]struct {
		request api.SearchRequest
		want    []string
		total   int
	}{
		"ranks":            {api.SearchRequest{Filters: filters}, []string{good, fair, poor}, 3},
		"include_disabled": {api.SearchRequest{Filters: filters, IncludeDisabled: true}, []string{best, good, fair, poor}, 4},
		"top_k":            {api.SearchRequest{Filters: filters, TopK: 2}, []string{good, fair}, 3},
	} {
		t.Run("DS10_"+name, func(t *testing.T) {
			var got api.SearchResponse
			s.send(t, http.StatusOK, "POST", records.SearchPath, test.request, &got)
			var found []string
			for i, result := range got.Workflows {
				found = append(found, result.WorkflowID)
				if result.Rank != i+1 {
					t.Errorf("rank of result %d: got %d, want %d", i, result.Rank, i+1)
				}
				if i > 0 && result.FinalScore >= got.Workflows[i-1].FinalScore {
					t.Errorf("score of result %d: got %v, want less than %v", i, result.FinalScore, got.Workflows[i-1].FinalScore)
				}
			}
			if diff := contrast.Diff(test.want, found); diff != "" || got.TotalResults != test.total {
				t.Errorf("got %d results in total, want %d; ids (-want +got):\n%s", got.TotalResults, test.total, diff)
			}
		})
	}
	for _, field := range []string{"signal_type", "severity", "component", "environment", "priority"} {
		t.Run("DS10_without_"+field, func(t *testing.T) {
			body := map[string]any{"filters": records.Edited(filters, map[string]any{field: nil})}
			s.wantProblem(t, s.DataStorage.Request("POST", records.SearchPath, body), http.StatusBadRequest, "filters."+field)
		})
	}
}

func (s *suite) disable(t *testing.T) {
	created := s.create(t, s.workflow("ds11", "production"))
	body := map[string]any{"reason": "it broke the shop", "updated_by": "alice"}
	s.send(t, http.StatusOK, "PATCH", records.WorkflowPath(created.ID)+"/disable", body, nil)
	got := s.get(t, created.ID)
	if got.Status != api.StatusDisabled || got.DisabledReason != "it broke the shop" || got.DisabledBy != "alice" || got.DisabledAt == nil {
		t.Errorf("got %+v, want it disabled by alice with the reason and a time", got)
	}
	t.Run("DS11_unknown_id", func(t *testing.T) {
		s.wantProblem(t, s.DataStorage.Request("PATCH", records.WorkflowPath(uuid.NewString())+"/disable", body), http.StatusNotFound)
	})
	t.Run("DS11_no_id", func(t *testing.T) {
		s.wantProblem(t, s.DataStorage.Request("PATCH", records.WorkflowPath("ds11")+"/disable", body), http.StatusBadRequest, "workflow_id")
	})
}

func (s *suite) immutable(t *testing.T) {
	created := s.create(t, s.workflow("ds12", "production"))
	path := records.WorkflowPath(created.ID)
	for field, value := range map[string]any{
		"workflow_id": uuid.NewString(), "workflow_name": "other", "version": "9", "content": "other", "content_hash": "0",
		"labels": created.Labels, "execution_engine": "ansible", "container_image": "other", "created_at": created.CreatedAt,
	} {
		t.Run("DS12_"+field, func(t *testing.T) {
			body := map[string]any{"status": api.StatusDeprecated, field: value}
			s.wantProblem(t, s.DataStorage.Request("PATCH", path, body), http.StatusBadRequest, field)
		})
	}
	t.Run("DS12_unknown_status", func(t *testing.T) {
		s.wantProblem(t, s.DataStorage.Request("PATCH", path, map[string]any{"status": "asleep"}), http.StatusBadRequest, "status")
	})
	if diff := contrast.Diff(created, s.get(t, created.ID)); diff != "" {
		t.Errorf("after refused changes (-want +got):\n%s", diff)
	}
	t.Run("DS12_status_may_change", func(t *testing.T) {
		s.send(t, http.StatusOK, "PATCH", path, map[string]any{"status": api.StatusDeprecated}, nil)
		if got := s.get(t, created.ID).Status; got != api.StatusDeprecated {
			t.Errorf("status: got %q, want %q", got, api.StatusDeprecated)
		}
	})
}

func (s *suite) catalogueTrail(t *testing.T) {
	created := s.create(t, s.workflow("ds17", "production"))
	s.send(t, http.StatusOK, "PATCH", records.WorkflowPath(created.ID)+"/disable", map[string]any{"reason": "test"}, nil)
	search := s.flow("ds17")
	filters := api.SearchFilters{SignalType: created.Labels.SignalType, Severity: "critical", Component: "pod", Environment: "production", Priority: "P0"}
	s.send(t, http.StatusOK, "POST", records.SearchPath, api.SearchRequest{Filters: filters, RemediationID: search}, nil)
	actor := "system:serviceaccount:" + s.Namespace + ":" + s.Auditor()
	for correlation, want := range map[string][]string{
		created.ID: {string(api.EventWorkflowCreated) + " by " + actor, string(api.EventWorkflowUpdated) + " by " + actor},
		search:     {string(api.EventSearchCompleted) + " by " + actor},
	} {
		got := texts(s.page(t, url.Values{"correlation_id": {correlation}}).Data, func(event api.AuditEvent) string {
			return string(event.Type) + " by " + event.ActorID
		})
		if diff := contrast.Diff(want, got); diff != "" {
			t.Errorf("events of %s (-want +got):\n%s", correlation, diff)
		}
	}
}
