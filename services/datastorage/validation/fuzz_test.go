package validation_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/datastorage/validation"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// refused reports whether err is a refusal, and complains about an error that is none.
func refused(t *testing.T, input any, err error) bool {
	t.Helper()
	var details *problem.Details
	if err != nil && (!errors.As(err, &details) || details.Status != http.StatusBadRequest) {
		t.Fatalf("%q: got %v, want a problem with 400", input, err)
	}
	return err != nil
}

// FuzzWorkflow checks that what is called valid can be encoded again, and is the same workflow and valid then.
func FuzzWorkflow(f *testing.F) {
	const content = "steps: []\n"
	good := fmt.Sprintf(`{"workflow_name": "w", "version": "1.0.0", "name": "W", "description": "d", "content": "steps: []\n", "content_hash": "%x",
		"labels": {"signal_type": "OOMKilled", "severity": "*", "component": "*", "environment": ["staging"], "priority": "P1"},
		"execution_engine": "job", "status": "active", "parameters": [{"a": 1e999}], "custom_labels": {"k": "v"}}`, sha256.Sum256([]byte(content)))
	for _, seed := range []string{
		good, `{"labels": {"environment": []}}`, `{"labels": {"environment": ["a", "b"]}}`, `{"parameters": "x"}`, `{"workflow_id": "x'; DROP TABLE workflows; --"}`,
		`{"content_hash": "\u0000"}`, `{"custom_labels": {"": "\ud800"}}`, `[]`, `null`, `{"created_at": "9999-12-31T23:59:59-23:00"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var workflow catalog.Workflow
		if refused(t, body, httpserver.Unmarshal(body, &workflow, true)) || refused(t, body, validation.Workflow(workflow)) {
			return
		}
		encoded, err := json.Marshal(workflow)
		if err != nil {
			t.Fatalf("%q: a valid workflow cannot be encoded: %v", body, err)
		}
		var again catalog.Workflow
		if err := errors.Join(httpserver.Unmarshal(encoded, &again, true), validation.Workflow(again)); err != nil {
			t.Fatalf("%q: encoded again it is not valid: %v", body, err)
		}
		workflow.Parameters, again.Parameters = nil, nil // white space is not kept
		if diff := cmp.Diff(workflow, again); diff != "" {
			t.Errorf("%q: (-first +again):\n%s", body, diff)
		}
	})
}

// FuzzSearch checks that a search that is called valid stays within its limits.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		`{"filters": {"signal_type": "OOMKilled", "severity": "critical", "component": "pod", "environment": "staging", "priority": "P1"}, "top_k": 5, "min_score": 0.5}`,
		`{"filters": {"signal_type": "*"}}`, `{"top_k": 9223372036854775807}`, `{"min_score": 1e308}`, `{"min_score": -0.0}`, `{"remediation_id": "' OR 1=1 --"}`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var request catalog.SearchRequest
		if refused(t, body, httpserver.Unmarshal(body, &request, true)) || refused(t, body, validation.Search(request)) {
			return
		}
		if request.TopK < 0 || request.TopK > validation.MaxTopK || request.MinScore < 0 || request.MinScore > 1 || request.Filters.SignalType == "" {
			t.Errorf("%q: got %+v", body, request)
		}
	})
}

// FuzzQuery checks that a query that is called valid stays within its limits, and that names nobody knows are refused.
func FuzzQuery(f *testing.F) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		"", "correlation_id=rr-1&event_type=a.b&event_category=gateway&event_outcome=success&since=24h&until=2026-01-31T12:00:00Z&limit=1000&offset=7",
		"status=active&environment=*&priority=P1&component=pod&workflow_name=w&limit=100", "limit=0", "limit=99999999999999999999", "offset=-1", "limit=1&limit=2",
		"since=-24h", "since=9999999h", "until=10000-01-01T00:00:00Z", "page=1", "correlation_id=%00", "severity=x%27%3B+DROP+TABLE+audit_events%3B+--", "limit=١", "offset=2147483648",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if events, err := validation.Events(values, now); !refused(t, text, err) &&
			(events.Limit < 1 || events.Limit > validation.MaxEvents || events.Offset < 0 || len(events.CorrelationID) > 255 || values.Has("page")) {
			t.Errorf("events of %q: got %+v", text, events)
		}
		if workflows, err := validation.Workflows(values); !refused(t, text, err) &&
			(workflows.Limit < 1 || workflows.Limit > validation.MaxWorkflows || workflows.Offset < 0 || len(workflows.WorkflowName) > 255 || values.Has("page")) {
			t.Errorf("workflows of %q: got %+v", text, workflows)
		}
	})
}
