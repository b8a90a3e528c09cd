package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/api"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/catalogue"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/holmesgpt-api/llm"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
	"github.com/kubernaut/kubernaut/services/internal/httpserver"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/openapitest"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// recorder is an investigator that keeps what it is asked; it stands for the model's side, which has its own tests.
type recorder struct {
	asked []any
	err   error
}

func (r *recorder) Incident(_ context.Context, request holmesgpt.IncidentRequest) (holmesgpt.Response, error) {
	r.asked = append(r.asked, request)
	return response(request.IncidentID), r.err
}

func (r *recorder) Recovery(_ context.Context, request holmesgpt.RecoveryRequest) (holmesgpt.Response, error) {
	r.asked = append(r.asked, request)
	return response(request.IncidentID), r.err
}

// response has all lists, as the investigator's has.
func response(id string) holmesgpt.Response {
	return holmesgpt.Response{
		IncidentID: id, RootCauseAnalysis: holmesgpt.RootCauseAnalysis{ContributingFactors: []string{}}, Warnings: []string{},
		AlternativeWorkflows: []holmesgpt.AlternativeWorkflow{}, ValidationAttemptsHistory: []holmesgpt.ValidationAttempt{},
	}
}

type service struct {
	t     *testing.T
	url   string
	asked *recorder
}

func start(t *testing.T) service {
	t.Helper()
	asked := &recorder{}
	server := httpserver.New(settings())
	open := func(next http.Handler) http.Handler { return next }
	api.New(asked, config.Default()).Register(server, open)
	listener := httptest.NewServer(openapitest.Read(t, api.Description()).Watch(t, server.Handler()))
	t.Cleanup(listener.Close)
	return service{t: t, url: listener.URL, asked: asked}
}

func settings() httpserver.Config {
	return httpserver.Config{
		Name: names.HolmesGPTAPI, LivePaths: []string{"/health"}, ReadyPaths: []string{"/ready"}, MaxBody: api.MaxBody,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func (s service) call(method, path, body string, headers ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

func incident() map[string]any {
	return map[string]any{
		"incident_id": "ai-1", "remediation_id": "rr-1", "signal_type": "OOMKilled", "severity": "critical", "signal_source": "prometheus",
		"resource_namespace": "shop", "resource_kind": "Pod", "resource_name": "web-0", "environment": "staging", "priority": "P1",
		"error_message": "killed", "risk_tolerance": "low", "business_category": "shop", "cluster_name": "east",
		"enrichment_results": map[string]any{"ownerChain": []any{}},
	}
}

func recovery() map[string]any {
	all := incident()
	all["is_recovery_attempt"], all["recovery_attempt_number"] = true, 2
	all["previous_execution"] = map[string]any{"workflow_execution_ref": "we-1", "failure": map[string]any{"reason": "TaskFailed", "exit_code": 1}}
	return all
}

// edit returns an object as JSON with some fields replaced; a nil value removes the field.
func edit(object map[string]any, fields map[string]any) string {
	for name, value := range fields {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = value
		}
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// bad is one request that must be refused. field is one that field_errors must name.
type bad struct {
	name, body string
	status     int
	field      string
	headers    []string
}

func badBodies(good string) []bad {
	return []bad{
		{name: "no body", body: "", status: 400},
		{name: "truncated", body: good[:len(good)-2], status: 400},
		{name: "not JSON", body: "<xml/>", status: 400},
		{name: "a list", body: "[1]", status: 400},
		{name: "a text", body: `"text"`, status: 400},
		{name: "two documents", body: good + good, status: 400},
		{name: "broken UTF-8", body: "{\"incident_id\": \"\xff\"}", status: 400},
		{name: "deep", body: strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), status: 400},
		{name: "null", body: "null", status: 422, field: "incident_id"},
		{name: "empty object", body: "{}", status: 422, field: "remediation_id"},
		{name: "form", body: good, status: 415, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{name: "broken content type", body: good, status: 415, headers: []string{"Content-Type", "application/json; charset"}},
		{name: "oversize", body: `{"error_message": "` + strings.Repeat("x", api.MaxBody) + `"}`, status: 413},
	}
}

const sqlText = `x'; DROP TABLE audit_events; --`

func badFields() map[string][]any {
	words := []any{nil, "", 5, true, []any{}, map[string]any{}, sqlText, "a b", "a\nenvironment: production", "a\x00", strings.Repeat("a", 254), "-a"}
	all := map[string][]any{
		"severity":           {nil, "", "huge", "CRITICAL", "*", sqlText, 5, strings.Repeat("a", 100_000)},
		"resource_namespace": {5, "a b", sqlText, strings.Repeat("a", 254)},
		"error_message":      {5, []any{}, strings.Repeat("a", 64<<10+1)},
		"risk_tolerance":     {5, "a\nenvironment: production", strings.Repeat("a", 1025)},
		"business_category":  {5, "a\u2028b"},
		"cluster_name":       {5, "a\x00", "a\rb"},
		"enrichment_results": {"text", 5, []any{1}, strings.Repeat("a", 10), json.RawMessage(strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)), map[string]string{"a": strings.Repeat("a", 256<<10)}},
		"surprise":           {1},
	}
	for _, field := range []string{"incident_id", "remediation_id", "signal_type", "signal_source", "resource_kind", "resource_name", "environment", "priority"} {
		all[field] = words
	}
	return all
}

func badRecoveryFields() map[string][]any {
	all := badFields()
	all["is_recovery_attempt"] = []any{nil, false, "true", 1}
	all["recovery_attempt_number"] = []any{nil, 0, -1, 1001, "2", 1.5, json.RawMessage("1e30")}
	all["previous_execution"] = []any{nil, "text", 5, []any{1}, map[string]any{"failure": map[string]any{"message": strings.Repeat("a", 64<<10)}}}
	return all
}

func cases(object func() map[string]any, fields map[string][]any) []bad {
	all := badBodies(edit(object(), nil))
	for field, values := range fields {
		for _, value := range values {
			all = append(all, bad{name: fmt.Sprintf("%s=%.40v", field, value), body: edit(object(), map[string]any{field: value}), status: 422, field: field})
		}
	}
	return all
}

func TestBadRequests(t *testing.T) {
	for path, all := range map[string][]bad{
		holmesgpt.IncidentPath: append(cases(incident, badFields()),
			bad{name: "field of the other route", body: edit(recovery(), nil), status: 422}),
		holmesgpt.RecoveryPath: append(cases(recovery, badRecoveryFields()),
			bad{name: "body of the other route", body: edit(incident(), nil), status: 422, field: "previous_execution"},
			bad{name: "nested type", body: edit(recovery(), map[string]any{"previous_execution": map[string]any{"failure": map[string]any{"exit_code": "1"}}}), status: 422, field: "previous_execution.failure.exit_code"}),
	} {
		s := start(t)
		for _, test := range all {
			t.Run(path+" "+test.name, func(t *testing.T) { service{t, s.url, s.asked}.refuses(path, test) })
		}
		if len(s.asked.asked) != 0 {
			t.Errorf("%s: %d refused requests were investigated", path, len(s.asked.asked))
		}
	}
}

func (s service) refuses(path string, test bad) {
	s.t.Helper()
	status, answer := s.call(http.MethodPost, path, test.body, test.headers...)
	var body problem.Details
	if err := json.Unmarshal([]byte(answer), &body); err != nil {
		s.t.Fatalf("%v in %.200s", err, answer)
	}
	if status != test.status || body.Status != status || body.Title == "" || body.Detail == "" || body.Instance != path || !strings.HasPrefix(body.Type, problem.BaseURI) {
		s.t.Errorf("status %d, want %d; body %.300s", status, test.status, answer)
	}
	if test.field != "" && body.FieldErrors[test.field] == "" {
		s.t.Errorf("field_errors do not name %q: %.300s", test.field, answer)
	}
}

func TestGoodRequests(t *testing.T) {
	minimal := map[string]any{"resource_namespace": nil, "error_message": nil, "risk_tolerance": nil, "business_category": nil, "cluster_name": nil, "enrichment_results": nil}
	for name, test := range map[string]struct{ path, body string }{
		"incident":         {holmesgpt.IncidentPath, edit(incident(), nil)},
		"minimal incident": {holmesgpt.IncidentPath, edit(incident(), minimal)},
		"empty texts":      {holmesgpt.IncidentPath, edit(incident(), map[string]any{"resource_namespace": "", "error_message": "", "cluster_name": ""})},
		"severity unknown": {holmesgpt.IncidentPath, edit(incident(), map[string]any{"severity": "unknown"})},
		"long message":     {holmesgpt.IncidentPath, edit(incident(), map[string]any{"error_message": strings.Repeat("\n", 64<<10)})},
		"recovery":         {holmesgpt.RecoveryPath, edit(recovery(), nil)},
		"minimal recovery": {holmesgpt.RecoveryPath, edit(recovery(), map[string]any{"previous_execution": map[string]any{}})},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.t = t
			status, answer := s.call(http.MethodPost, test.path, test.body)
			if status != http.StatusOK || len(s.asked.asked) != 1 || !strings.Contains(answer, `"incident_id":"ai-1"`) {
				t.Errorf("status %d, %d investigations, want 200 and 1: %s", status, len(s.asked.asked), answer)
			}
		})
	}
}

func TestRouter(t *testing.T) {
	s := start(t)
	for request, want := range map[string]int{
		"GET " + holmesgpt.IncidentPath: 405, "PUT " + holmesgpt.RecoveryPath: 405, "POST /config": 405, "POST /health": 405,
		"POST /api/v1/incident/session/1": 404, "GET /": 404, "GET /health": 200, "GET /ready": 200, "GET /metrics": 200, "GET /config": 200,
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, answer := s.call(method, path, ""); status != want {
			t.Errorf("%s: status %d, want %d: %s", request, status, want, answer)
		}
	}
}

// What broke an investigation off is said without its cause.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"model":     {fmt.Errorf("asking: %w: sk-secret", llm.ErrNoAnswer), "the language model gave no answer"},
		"catalogue": {fmt.Errorf("searching: %w: sk-secret", catalogue.ErrUnavailable), "the workflow catalogue could not be asked"},
		"other":     {errors.New("sk-secret"), "the server could not complete the request"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.asked.err = test.err
			status, answer := s.call(http.MethodPost, holmesgpt.IncidentPath, edit(incident(), nil))
			if status != http.StatusInternalServerError || !strings.Contains(answer, test.want) || !strings.Contains(answer, problem.BaseURI+problem.KindInternal) {
				t.Errorf("got %d %s, want a 500 problem with %q", status, answer, test.want)
			}
			if strings.Contains(answer, "sk-secret") {
				t.Errorf("the answer quotes the cause: %s", answer)
			}
		})
	}
}

func TestVerb(t *testing.T) {
	got := map[string]string{}
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodHead} {
		got[method] = api.Verb(httptest.NewRequest(method, "/", nil))
	}
	if diff := cmp.Diff(map[string]string{"POST": "create", "GET": "get", "HEAD": "get"}, got); diff != "" {
		t.Errorf("verbs (-want +got):\n%s", diff)
	}
}
