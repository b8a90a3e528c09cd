package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kubernaut/kubernaut/services/internal/problem"
	"github.com/kubernaut/kubernaut/services/mock-llm/app"
)

type bad struct {
	name, body string
	status     int
	// field that field_errors names; "" when no field is to blame.
	field  string
	header http.Header
}

// badBodies are refused by every route that takes a body.
func badBodies(good string) []bad {
	return []bad{
		{name: "broken JSON", body: `{"messages": [`, status: 400},
		{name: "empty", body: "", status: 400},
		{name: "blank", body: " \n", status: 400},
		{name: "text", body: "hello", status: 400},
		{name: "list", body: "[]", status: 400},
		{name: "two documents", body: good + good, status: 400},
		{name: "deep", body: strings.Repeat(`{"messages":`, 20000) + "1" + strings.Repeat("}", 20000), status: 400},
		{name: "not UTF-8", body: "{\"model\": \"\xff\"}", status: 400},
		{name: "model of the wrong type", body: `{"model": 5}`, status: 400, field: "model"},
		{name: "oversize", body: `{"model": "` + strings.Repeat("x", app.MaxBody) + `"}`, status: 413},
		{name: "text/plain", body: good, status: 415, header: http.Header{"Content-Type": {"text/plain"}}},
		{name: "form", body: good, status: 415, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		{name: "broken content type", body: good, status: 415, header: http.Header{"Content-Type": {";"}}},
	}
}

// badMessages are refused by both chat routes.
func badMessages() []bad {
	return []bad{
		{name: "null", body: "null", status: 400, field: "messages"},
		{name: "no messages", body: `{"model": "m"}`, status: 400, field: "messages"},
		{name: "empty messages", body: `{"messages": []}`, status: 400, field: "messages"},
		{name: "messages of the wrong type", body: `{"messages": "hello"}`, status: 400, field: "messages"},
		{name: "no role", body: `{"messages": [{"content": "hello"}]}`, status: 400, field: "messages[0].role"},
		{name: "unknown role", body: `{"messages": [{"role": "user", "content": "a"}, {"role": "robot", "content": "b"}]}`, status: 400, field: "messages[1].role"},
		{name: "statement as role", body: `{"messages": [{"role": "x'; DROP TABLE audit_events; --", "content": "a"}]}`, status: 400, field: "messages[0].role"},
		{name: "tools of the wrong type", body: `{"messages": [{"role": "user", "content": "a"}], "tools": "all"}`, status: 400, field: "tools"},
	}
}

func badCompletions() []bad {
	with := func(fields string) string { return `{"messages": [{"role": "user", "content": "a"}], ` + fields + `}` }
	content := func(value string) string { return `{"messages": [{"role": "user", "content": ` + value + `}]}` }
	return []bad{
		{name: "streaming", body: with(`"stream": true`), status: 400, field: "stream"},
		{name: "two choices", body: with(`"n": 2`), status: 400, field: "n"},
		{name: "no choices", body: with(`"n": 0`), status: 400, field: "n"},
		{name: "content a number", body: content("5"), status: 400, field: "messages[0].content"},
		{name: "content an object", body: content(`{"type": "text"}`), status: 400, field: "messages[0].content"},
		{name: "content a list of strings", body: content(`["a"]`), status: 400, field: "messages[0].content"},
		{name: "part without a type", body: content(`[{"text": "a"}]`), status: 400, field: "messages[0].content"},
	}
}

func badGenerations() []bad {
	return []bad{
		{name: "null", body: "null", status: 400, field: "prompt"},
		{name: "no prompt", body: `{"model": "m"}`, status: 400, field: "prompt"},
		{name: "empty prompt", body: `{"prompt": ""}`, status: 400, field: "prompt"},
		{name: "prompt of the wrong type", body: `{"prompt": ["a"]}`, status: 400, field: "prompt"},
	}
}

func TestML9BadRequests(t *testing.T) {
	s := start(t, app.Config{})
	for path, cases := range map[string][]bad{
		completions:         append(append(badBodies(plain("a")), badMessages()...), badCompletions()...),
		"/chat/completions": append(append(badBodies(plain("a")), badMessages()...), badCompletions()...),
		"/api/chat":         append(badBodies(plain("a")), badMessages()...),
		"/api/generate":     append(badBodies(`{"prompt": "a"}`), badGenerations()...),
	} {
		for _, test := range cases {
			s.refuses(http.MethodPost, path, test)
		}
	}
}

func TestML10UnknownPathsAndMethods(t *testing.T) {
	s := start(t, app.Config{})
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/chat", "/v1/completions", "/v1/chat/completion", "/v1/chat/completions/", "/v1/models/mock-model", "/api", "/api/embed", "/healthy", "/health/x"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s.refuses(method, path, bad{name: "unknown path", body: plain("a"), status: 404})
		}
	}
	for path, methods := range map[string][]string{
		completions: {"GET", "PUT", "DELETE"}, "/chat/completions": {"GET"}, "/api/generate": {"GET"}, "/api/chat": {"GET", "PATCH"},
		"/v1/models": {"POST"}, "/api/tags": {"POST"}, "/health": {"POST"}, "/ready": {"POST"}, "/metrics": {"POST"},
	} {
		for _, method := range methods {
			s.refuses(method, path, bad{name: "method", body: plain("a"), status: 405})
		}
	}
}

// refuses wants a problem that says why.
func (s service) refuses(method, path string, test bad) {
	s.t.Helper()
	status, answer := s.send(method, path, test.body, test.header)
	var got problem.Details
	decode(s.t, answer, &got)
	if status != test.status || got.Status != status || got.Title == "" || got.Detail == "" || got.Instance != path || !strings.HasPrefix(got.Type, problem.BaseURI) {
		s.t.Errorf("%s %s, %s: status %d, want a problem with %d: %.300s", method, path, test.name, status, test.status, answer)
	}
	if _, named := got.FieldErrors[test.field]; test.field != "" && !named {
		s.t.Errorf("%s %s, %s: field_errors do not name %q: %.300s", method, path, test.name, test.field, answer)
	}
}
