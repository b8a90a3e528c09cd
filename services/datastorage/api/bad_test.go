package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/internal/reviewtest"
)

const sqlText = `x'; DROP TABLE audit_events; --`

// bad is one request that must be refused. fields are the paths that field_errors must name, in any order.
type bad struct {
	name, method, path, body string
	status                   int
	fields                   []string
	headers                  []string
}

func badBodies(good string) []bad {
	const single = 1<<20 + 1
	oversize := `{"x": "` + strings.Repeat("x", single) + `"}`
	return []bad{
		{name: "no body", body: "", status: 400},
		{name: "truncated", body: good[:len(good)-2], status: 400},
		{name: "not JSON", body: "<xml/>", status: 400},
		{name: "a list", body: "[1]", status: 400},
		{name: "a text", body: `"text"`, status: 400},
		{name: "two documents", body: good + good, status: 400},
		{name: "broken UTF-8", body: "{\"version\": \"\xff\"}", status: 400},
		{name: "unknown field", body: edit(good, map[string]any{"surprise": 1}), status: 400, fields: []string{"surprise"}},
		{name: "form", body: good, status: 415, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{name: "XML", body: good, status: 415, headers: []string{"Content-Type", "text/xml"}},
		{name: "broken content type", body: good, status: 415, headers: []string{"Content-Type", "application/json; charset"}},
		{name: "oversize", body: oversize, status: 413},
		{name: "deep", body: strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), status: 400},
	}
}

func badEvents() []bad {
	var all []bad
	for field, values := range map[string][]any{
		"version": {nil, "", 1, sqlText}, "event_type": {nil, "", "no-dot", "Upper.Case", sqlText},
		"event_timestamp": {nil, "", "yesterday", 17, "0001-01-01T00:00:00Z", "2026-13-01T00:00:00Z"},
		"event_category":  {nil, "", "unknown", sqlText, 5}, "event_action": {nil, "", sqlText, "a b"},
		"event_outcome": {nil, "", "maybe", sqlText}, "correlation_id": {nil, "", sqlText, "a\x00b", strings.Repeat("a", 256)},
		"event_data": {nil, "text", 5, []int{1}, json.RawMessage("null"), json.RawMessage(strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70))},
		"event_id":   {"1", "not-a-uuid", sqlText}, "parent_event_id": {"1", "zzzzzzzz-0000-0000-0000-000000000000"},
		"actor_id": {"a\x00b", "line\nline", strings.Repeat("a", 1025), 5}, "namespace": {"a\x00"}, "severity": {sqlText}, "duration_ms": {-1, "5", 1.5},
	} {
		for _, value := range values {
			all = append(all, bad{name: fmt.Sprintf("%s=%.40v", field, value), body: edit(event, map[string]any{field: value}), status: 400, fields: []string{field}})
		}
	}
	return all
}

func badBatches() []bad {
	good := batch(event)
	all := []bad{
		{name: "no body", body: "", status: 400},
		{name: "truncated", body: good[:len(good)-2], status: 400},
		{name: "not JSON", body: "<xml/>", status: 400},
		{name: "two documents", body: good + good, status: 400},
		{name: "broken UTF-8", body: "[{\"version\": \"\xff\"}]", status: 400},
		{name: "deep", body: strings.Repeat("[", 20000) + strings.Repeat("]", 20000), status: 400},
		{name: "empty", body: "[]", status: 400},
		{name: "object", body: event, status: 400},
		{name: "null", body: "null", status: 400},
		{name: "numbers", body: "[1]", status: 400},
		{name: "too many", body: batch(strings.Split(strings.Repeat("{} ", 1001)[:3002], " ")...), status: 400},
		{name: "oversize", body: `["` + strings.Repeat("x", 8<<20) + `"]`, status: 413},
		{name: "unknown field", body: batch(edit(event, map[string]any{"surprise": 1})), status: 400, fields: one("surprise")},
		{name: "text/plain", body: good, status: 415, headers: []string{"Content-Type", "text/plain"}},
		{name: "form", body: good, status: 415, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}},
	}
	for field, value := range map[string]any{
		"correlation_id": sqlText, "event_id": "not-a-uuid", "event_type": nil, "event_timestamp": "yesterday", "event_data": "text",
	} {
		all = append(all, bad{
			name: "second event's " + field, body: batch(event, edit(event, map[string]any{field: value})), status: 400, fields: one("[1]." + field),
		})
	}
	return all
}

func badWorkflows() []bad {
	var all []bad
	for field, values := range map[string][]any{
		"workflow_name": {nil, "", sqlText, 5}, "version": {nil, sqlText}, "name": {nil, "", "a\x00b"}, "description": {nil, "a\x00b"},
		"content": {nil, "", "a\x00b"}, "content_hash": {nil, "", "abc", strings.Repeat("a", 64)}, "execution_engine": {nil, sqlText},
		"status": {nil, "unknown", sqlText}, "workflow_id": {unknownID}, "disabled_by": {"me"}, "container_digest": {"sha256:abc", sqlText},
		"parameters": {"text", 5}, "custom_labels": {map[string]string{"": "x"}},
	} {
		for _, value := range values {
			blamed := field
			if field == "content" {
				blamed = "" // content_hash may be blamed as well
			}
			all = append(all, bad{name: fmt.Sprintf("%s=%.40v", field, value), body: edit(workflow, map[string]any{field: value}), status: 400, fields: one(blamed)})
		}
	}
	for field, value := range map[string]any{"signal_type": sqlText, "severity": "huge", "component": sqlText, "priority": "P9", "environment": []string{"a", "b"}} {
		labels := edit(`{"signal_type": "s", "severity": "low", "component": "c", "environment": ["e"], "priority": "P1"}`, map[string]any{field: value})
		all = append(all, bad{name: "labels." + field, body: edit(workflow, map[string]any{"labels": json.RawMessage(labels)}), status: 400, fields: one("labels." + field)})
	}
	return all
}

func one(field string) []string {
	if field == "" {
		return nil
	}
	return []string{field}
}

func badSearches() []bad {
	all := []bad{
		{name: "top_k too large", body: search(map[string]any{"top_k": 1000000}), status: 400, fields: one("top_k")},
		{name: "top_k negative", body: search(map[string]any{"top_k": -1}), status: 400, fields: one("top_k")},
		{name: "min_score", body: search(map[string]any{"min_score": 1.1}), status: 400, fields: one("min_score")},
		{name: "remediation_id", body: search(map[string]any{"remediation_id": sqlText}), status: 400, fields: one("remediation_id")},
		{name: "no filters", body: "{}", status: 400},
	}
	for _, field := range []string{"signal_type", "severity", "component", "environment", "priority"} {
		for _, value := range []any{nil, "", sqlText, "*"} {
			filters := edit(`{"signal_type": "s", "severity": "low", "component": "c", "environment": "e", "priority": "P1"}`, map[string]any{field: value})
			body := search(map[string]any{"filters": json.RawMessage(filters)})
			all = append(all, bad{name: fmt.Sprintf("%s=%v", field, value), body: body, status: 400, fields: one("filters." + field)})
		}
	}
	return all
}

func badQueries() []bad {
	var all []bad
	add := func(path, query string, fields ...string) {
		all = append(all, bad{name: path + "?" + query, method: http.MethodGet, path: path + "?" + query, status: 400, fields: fields})
	}
	const events, workflows = "/api/v1/audit/events", "/api/v1/workflows"
	statement := url.QueryEscape(sqlText)
	for _, limit := range []string{"0", "-1", "1001", "999999999999999999999", "ten", "", "1.5", "1%3B2"} {
		add(events, "limit="+limit, "limit")
	}
	for _, limit := range []string{"0", "-1", "101", "999999999999999999999", "ten"} {
		add(workflows, "limit="+limit, "limit")
	}
	for _, path := range []string{events, workflows} {
		add(path, "offset=-1", "offset")
		add(path, "offset=99999999999", "offset")
		add(path, "limit=1&limit=2", "limit")
		add(path, "page=1", "page")
	}
	for _, field := range []string{"correlation_id", "event_type", "event_category", "event_outcome", "severity", "since", "until"} {
		add(events, field+"="+statement, field)
		add(events, field+"=%00", field)
	}
	for _, field := range []string{"status", "environment", "priority", "component", "workflow_name"} {
		add(workflows, field+"="+statement, field)
	}
	add(events, "since=2026-01-31", "since")
	add(events, "until=-5m", "until")
	return all
}

func badPaths() []bad {
	var all []bad
	for _, id := range []string{"1", "not-a-uuid", url.PathEscape(sqlText), "588c0d01-ef83-5a78-ac19-4af9089b777", "%00"} {
		all = append(all,
			bad{name: "get " + id, method: http.MethodGet, path: "/api/v1/workflows/" + id, status: 400, fields: one("workflow_id")},
			bad{name: "patch " + id, method: http.MethodPatch, path: "/api/v1/workflows/" + id, body: `{"status": "active"}`, status: 400, fields: one("workflow_id")},
			bad{name: "disable " + id, method: http.MethodPatch, path: "/api/v1/workflows/" + id + "/disable", body: `{}`, status: 400, fields: one("workflow_id")})
	}
	for _, id := range []string{url.PathEscape(sqlText), "%00", strings.Repeat("a", 300), "-a"} {
		all = append(all, bad{name: "reconstruct " + id, method: http.MethodPost, path: "/api/v1/audit/remediation-requests/" + id + "/reconstruct", status: 400, fields: one("correlation_id")})
	}
	return append(all,
		bad{name: "no such route", method: http.MethodGet, path: "/api/v1/none", status: 404},
		bad{name: "root", method: http.MethodGet, path: "/", status: 404},
		bad{name: "PUT", method: http.MethodPut, path: "/api/v1/audit/events", body: event, status: 405},
		bad{name: "DELETE", method: http.MethodDelete, path: "/api/v1/workflows/" + unknownID, status: 405},
		bad{name: "POST to a probe", method: http.MethodPost, path: "/health", status: 405},
		bad{name: "GET of a search", method: http.MethodGet, path: "/api/v1/workflows/search", status: 400, fields: one("workflow_id")},
	)
}

func badChanges() []bad {
	return []bad{
		{name: "empty", body: "{}", status: 400, fields: one("status")},
		{name: "status", body: `{"status": "gone"}`, status: 400, fields: one("status")},
		{name: "status empty", body: `{"status": ""}`, status: 400, fields: one("status")},
		{name: "reason with NUL", body: `{"disabled_reason": "a\u0000"}`, status: 400, fields: one("disabled_reason")},
		{name: "type", body: `{"status": 5}`, status: 400, fields: one("status")},
		{name: "immutable version", body: `{"version": "2"}`, status: 400, fields: one("version")},
		{name: "immutable id", body: `{"workflow_id": "` + unknownID + `"}`, status: 400, fields: one("workflow_id")},
		{name: "immutable labels", body: `{"labels": {}}`, status: 400, fields: one("labels")},
	}
}

func TestBadRequests(t *testing.T) {
	const disable = `{"reason": "r", "updated_by": "me"}`
	const id = "/api/v1/workflows/" + unknownID
	groups := []struct {
		method, path string
		cases        []bad
	}{
		{http.MethodPost, "/api/v1/audit/events", append(badBodies(event), badEvents()...)},
		{http.MethodPost, "/api/v1/audit/events/batch", badBatches()},
		{http.MethodPost, "/api/v1/workflows", append(badBodies(workflow), badWorkflows()...)},
		{http.MethodPost, "/api/v1/workflows/search", append(badBodies(search(nil)), badSearches()...)},
		{http.MethodPatch, id, append(badBodies(`{"status": "active"}`), badChanges()...)},
		{http.MethodPatch, id + "/disable", append(badBodies(disable), bad{name: "NUL", body: `{"reason": "\u0000"}`, status: 400, fields: one("reason")})},
		{"", "", badQueries()},
		{"", "", badPaths()},
	}
	onEachDatabase(t, func(t *testing.T, s service) {
		for _, group := range groups {
			for _, test := range group.cases {
				if test.method == "" {
					test.method, test.path = group.method, group.path
				}
				s.refuses(test)
			}
		}
		for _, path := range []string{"/api/v1/audit/events", "/api/v1/workflows"} {
			var listed struct{ Pagination struct{ Total int } }
			s.want(http.StatusOK, &listed, http.MethodGet, path, "")
			if listed.Pagination.Total != 0 {
				t.Errorf("%s: refused requests left %d records", path, listed.Pagination.Total)
			}
		}
	})
}

func (s service) refuses(test bad) {
	s.t.Helper()
	name := fmt.Sprintf("%s %.60s, %s", test.method, test.path, test.name)
	status, answer := s.call(test.method, test.path, test.body, test.headers...)
	var body problem.Details
	if err := json.Unmarshal([]byte(answer), &body); err != nil {
		s.t.Errorf("%s: %v in %.200s", name, err, answer)
		return
	}
	if status != test.status || body.Status != status || body.Title == "" || body.Detail == "" || body.Instance == "" || !strings.HasPrefix(body.Type, problem.BaseURI) {
		s.t.Errorf("%s: status %d, want %d; body %.300s", name, status, test.status, answer)
	}
	for _, field := range test.fields {
		if body.FieldErrors[field] == "" {
			s.t.Errorf("%s: field_errors do not name %q: %.300s", name, field, answer)
		}
	}
}

func TestAuth(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		routes := [][2]string{
			{http.MethodPost, "/api/v1/audit/events"}, {http.MethodPost, "/api/v1/audit/events/batch"}, {http.MethodGet, "/api/v1/audit/events"},
			{http.MethodPost, "/api/v1/audit/remediation-requests/rr-1/reconstruct"}, {http.MethodPost, "/api/v1/workflows"},
			{http.MethodGet, "/api/v1/workflows"}, {http.MethodPost, "/api/v1/workflows/search"}, {http.MethodGet, "/api/v1/workflows/" + unknownID},
			{http.MethodPatch, "/api/v1/workflows/" + unknownID}, {http.MethodPatch, "/api/v1/workflows/" + unknownID + "/disable"},
		}
		s.reviews.Token("unbound", "system:serviceaccount:default:stranger")
		for _, route := range routes {
			for token, want := range map[string]int{"": http.StatusUnauthorized, "garbage": http.StatusUnauthorized, "unbound": http.StatusForbidden} {
				s.token = token
				s.want(want, nil, route[0], route[1], "")
			}
		}
		s.token = "unbound"
		s.reviews.Grant(reviewtest.Permission{User: "system:serviceaccount:default:stranger", Namespace: names.Namespace, Verb: "create", Service: names.DataStorageService}, true)
		s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/audit/events", event)
		s.reviews.Fail("subjectaccessreviews")
		s.want(http.StatusInternalServerError, nil, http.MethodPost, "/api/v1/audit/events", event)
		s.token = ""
		for _, path := range []string{"/health", "/health/ready", "/health/live", "/metrics"} {
			s.want(http.StatusOK, nil, http.MethodGet, path, "")
		}
	})
}

func TestMetrics(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, s service) {
		s.want(http.StatusCreated, nil, http.MethodPost, "/api/v1/audit/events", event)
		_, metrics := s.call(http.MethodGet, "/metrics", "")
		const want = `kubernaut_datastorage_events_stored_total{category="gateway"} 1`
		if diff := cmp.Diff(true, strings.Contains(metrics, want)); diff != "" {
			t.Errorf("/metrics does not have %s", want)
		}
	})
}
