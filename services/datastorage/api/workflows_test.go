package api_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/datastorage/api"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/workflowid"
)

// The hash is that of the content "steps".
const workflow = `{"workflow_name": "oomkill-increase-memory-v1", "version": "1.0.0", "name": "Increase memory", "description": "Raises the limit.",
	"content": "steps", "content_hash": "b7595e2a863957fc6c225ed540d335dd1e859dd3032451c2e11bceb0329defa6", "execution_engine": "job", "status": "active",
	"labels": {"signal_type": "OOMKilled", "severity": "critical", "component": "pod", "environment": ["production"], "priority": "P0"},
	"container_image": "registry/image", "parameters": {"MEMORY": {"required": true}}}`

const unknownID = "00000000-0000-4000-8000-000000000000"

func labelled(name, component, priority string) string {
	return edit(workflow, map[string]any{"workflow_name": name, "labels": map[string]any{
		"signal_type": "OOMKilled", "severity": "critical", "component": component, "environment": []string{"production"}, "priority": priority,
	}})
}

func search(extra map[string]any) string {
	return edit(`{"filters": {"signal_type": "OOMKilled", "severity": "critical", "component": "pod", "environment": "production", "priority": "P0"}}`, extra)
}

func TestCreateWorkflow(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		var created, got catalog.Workflow
		s.want(http.StatusCreated, &created, http.MethodPost, "/api/v1/workflows", workflow)
		if want := "588c0d01-ef83-5a78-ac19-4af9089b7776"; created.ID != want || !created.IsLatestVersion {
			t.Errorf("id %q, latest %t; want %q, true", created.ID, created.IsLatestVersion, want)
		}
		s.want(http.StatusConflict, nil, http.MethodPost, "/api/v1/workflows", workflow)
		s.want(http.StatusOK, &got, http.MethodGet, "/api/v1/workflows/"+created.ID, "")
		if diff := cmp.Diff(created, got); diff != "" {
			t.Errorf("stored (-created +got):\n%s", diff)
		}
		s.want(http.StatusCreated, &created, http.MethodPost, "/api/v1/workflows", edit(workflow, map[string]any{"version": "2.0.0"}))
		s.want(http.StatusOK, &got, http.MethodGet, "/api/v1/workflows/"+created.ID, "")
		if got.Version != "2.0.0" {
			t.Errorf("version %q after a new one, want 2.0.0", got.Version)
		}
		s.want(http.StatusNotFound, nil, http.MethodGet, "/api/v1/workflows/"+unknownID, "")
		s.audited(created.ID, "datastorage.workflow.created", 2)
	})
}

// audited checks how many events of a type a correlation id has.
func (s service) audited(correlation, kind string, want int) {
	s.t.Helper()
	var listed api.EventListing
	s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/audit/events?correlation_id="+correlation+"&event_type="+kind, "")
	if len(listed.Data) != want {
		s.t.Fatalf("%d events %s, want %d", len(listed.Data), kind, want)
	}
	if listed.Data[0].ActorID != caller {
		s.t.Errorf("actor %q, want %q", listed.Data[0].ActorID, caller)
	}
}

func TestListWorkflows(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		for i, component := range []string{"pod", "node", "node"} {
			s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/workflows", labelled(fmt.Sprint("w", i), component, "P1"))
		}
		for query, want := range map[string][2]int{
			"": {3, 3}, "component=node": {2, 2}, "workflow_name=w0": {1, 1}, "status=disabled": {0, 0}, "environment=production&priority=P1": {3, 3},
			"limit=2": {2, 3}, "limit=2&offset=2": {1, 3}, "limit=100": {3, 3},
		} {
			var listed catalog.Listing
			s.want(http.StatusOK, &listed, http.MethodGet, "/api/v1/workflows?"+query, "")
			if got := [2]int{len(listed.Workflows), listed.Pagination.Total}; got != want || listed.Workflows == nil {
				t.Errorf("%q: got %v, want %v", query, got, want)
			}
		}
	})
}

func TestSearch(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		for name, labels := range map[string][2]string{"exact": {"pod", "P0"}, "wild": {"*", "*"}, "half": {"pod", "*"}, "other": {"node", "P0"}} {
			s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/workflows", labelled(name, labels[0], labels[1]))
		}
		off := workflowid.New("half", "production")
		s.want(http.StatusOK, nil, http.MethodPatch, "/api/v1/workflows/"+off+"/disable", `{"reason": "broken", "updated_by": "me"}`)
		for _, test := range []struct {
			body  string
			want  []string
			total int
		}{
			{search(nil), []string{"exact", "wild"}, 2},
			{search(map[string]any{"include_disabled": true}), []string{"exact", "half", "wild"}, 3},
			{search(map[string]any{"top_k": 1}), []string{"exact"}, 2},
			{search(map[string]any{"min_score": 0.7}), []string{"exact"}, 1},
		} {
			var response catalog.SearchResponse
			s.want(http.StatusOK, &response, http.MethodPost, "/api/v1/workflows/search", test.body)
			var got []string
			for i, result := range response.Workflows {
				got = append(got, result.WorkflowName)
				if result.Rank != i+1 {
					t.Errorf("%s: rank %d at place %d", test.body, result.Rank, i)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || response.TotalResults != test.total {
				t.Errorf("%s: total %d, want %d (-want +got):\n%s", test.body, response.TotalResults, test.total, diff)
			}
		}
		s.want(http.StatusOK, nil, http.MethodPost, "/api/v1/workflows/search", search(map[string]any{"remediation_id": "rr-7"}))
		s.audited("rr-7", "workflow.catalog.search_completed", 1)
	})
}

func TestChangeWorkflow(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		var w catalog.Workflow
		s.want(http.StatusCreated, &w, http.MethodPost, "/api/v1/workflows", workflow)
		path := "/api/v1/workflows/" + w.ID
		s.want(http.StatusOK, &w, http.MethodPatch, path+"/disable", `{"reason": "it's broken", "updated_by": "me"}`)
		if w.Status != catalog.StatusDisabled || w.DisabledReason != "it's broken" || w.DisabledBy != "me" || w.DisabledAt == nil {
			t.Errorf("after disable: %+v", w)
		}
		w = catalog.Workflow{}
		s.want(http.StatusOK, &w, http.MethodPatch, path, `{"status": "active"}`)
		if w.Status != catalog.StatusActive || w.DisabledReason != "" || w.DisabledAt != nil {
			t.Errorf("after patch: %+v", w)
		}
		s.want(http.StatusOK, &w, http.MethodPatch, path, `{"status": "disabled", "disabled_by": "you", "disabled_reason": "r"}`)
		if w.DisabledBy != "you" || w.DisabledReason != "r" {
			t.Errorf("after second patch: %+v", w)
		}
		s.want(http.StatusNotFound, nil, http.MethodPatch, "/api/v1/workflows/"+unknownID+"/disable", `{"reason": "r"}`)
		s.want(http.StatusNotFound, nil, http.MethodPatch, "/api/v1/workflows/"+unknownID, `{"status": "active"}`)
		var refused struct {
			FieldErrors map[string]string `json:"field_errors"`
		}
		s.want(http.StatusBadRequest, &refused, http.MethodPatch, path, `{"content": "other"}`)
		if diff := cmp.Diff(map[string]string{"content": "unknown field"}, refused.FieldErrors); diff != "" {
			t.Errorf("field_errors (-want +got):\n%s", diff)
		}
		s.audited(w.ID, "datastorage.workflow.updated", 3)
	})
}
