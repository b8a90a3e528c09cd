package openapitest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// Watch returns the service behind a check of all that passes: an answer's status, media type and body must be described,
// and so must the body of a request that was taken. Routes and methods that are not described may only be refused.
func (d *Description) Watch(t testing.TB, service http.Handler) http.Handler {
	t.Helper()
	routes, operations := http.NewServeMux(), map[string]operation{}
	d.each(func(method, path string, text json.RawMessage) {
		var described operation
		if err := json.Unmarshal(text, &described); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		operations[method+" "+path] = described
		routes.Handle(method+" "+path, http.NotFoundHandler())
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent bytes.Buffer
		r.Body = io.NopCloser(io.TeeReader(r.Body, &sent))
		answer := httptest.NewRecorder()
		service.ServeHTTP(answer, r)
		_, pattern := routes.Handler(r)
		if why := d.passed(operations[pattern], sent.Bytes(), answer); why != "" {
			t.Errorf("openapi.yaml has not what %s %s answers: %s", r.Method, r.URL.Path, why)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		// The client may be gone; its test knows.
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// passed returns why the exchange is none of the operation's, "" if it is one. The zero operation stands for none.
func (d *Description) passed(described operation, sent []byte, answer *httptest.ResponseRecorder) string {
	status := strconv.Itoa(answer.Code)
	if described.Responses == nil {
		if answer.Code < http.StatusBadRequest {
			return "status " + status + " of no described route"
		}
		return ""
	}
	expected, found := described.Responses[status]
	if !found {
		expected, found = described.Responses["default"]
	}
	if !found {
		return "status " + status
	}
	if name, ok := strings.CutPrefix(expected.Ref, "#/components/responses/"); ok {
		expected = d.Components.Responses[name]
	}
	if why := d.body(expected.Content, answer.Header().Get("Content-Type"), answer.Body.Bytes()); why != "" {
		return status + ": " + why
	}
	if answer.Code < http.StatusMultipleChoices && len(sent) > 0 {
		if why := d.body(described.RequestBody.Content, "application/json", sent); why != "" {
			return status + " to a request with " + why
		}
	}
	return ""
}

func (d *Description) body(described map[string]media, contentType string, body []byte) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "Content-Type " + strconv.Quote(contentType) + ": " + err.Error()
	}
	expected, found := described[kind]
	if !found {
		return "a body of type " + kind
	}
	if !strings.HasSuffix(kind, "json") || len(body) == 0 { // the answer to HEAD has no body
		return ""
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err.Error()
	}
	return d.fits(expected.Schema, value, "body")
}
