package openapitest

import (
	"net/http/httptest"
	"strings"
	"testing"
)

const document = `
paths:
  /things/{id}:
    parameters: []
    put:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}
      responses: {"200": {$ref: "#/components/responses/Thing"}}
components:
  responses: {Thing: {content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}}}
  schemas:
    Thing:
      type: object
      additionalProperties: false
      required: [name]
      properties:
        name: {type: string, pattern: "^[a-z]+$"}
        size: {type: [integer, "null"]}
        color: {enum: [red, green]}
        parts: {type: array, items: {$ref: "#/components/schemas/Thing"}}
        labels: {type: object, additionalProperties: {type: string}}
        either: {oneOf: [{type: string}, {type: array}]}
`

func TestPassed(t *testing.T) {
	const good = `{"name": "a", "size": null, "color": "red", "parts": [{"name": "b", "size": 2}], "labels": {"a": "b"}, "either": []}`
	d := Read(t, []byte(document))
	var described operation
	described.Responses = map[string]response{"200": {Ref: "#/components/responses/Thing"}}
	described.RequestBody.Content = d.Components.Responses["Thing"].Content
	for _, test := range []struct {
		name, sent, body, kind string
		status                 int
		want                   string
	}{
		{"good", good, good, "application/json; charset=utf-8", 200, ""},
		{"status", good, good, "application/json", 201, "status 201"},
		{"media type", good, good, "text/plain", 200, "text/plain"},
		{"no JSON", good, "{", "application/json", 200, "unexpected end"},
		{"request", `{}`, good, "application/json", 200, `request with body: no field "name"`},
		{"type", good, `[]`, "application/json", 200, "want object"},
		{"required", good, `{}`, "application/json", 200, `no field "name"`},
		{"pattern", good, `{"name": "A"}`, "application/json", 200, "body.name"},
		{"integer", good, `{"name": "a", "size": 1.5}`, "application/json", 200, "body.size"},
		{"enum", good, `{"name": "a", "color": "blue"}`, "application/json", 200, "body.color"},
		{"items", good, `{"name": "a", "parts": [{"name": "b"}, {}]}`, "application/json", 200, "body.parts[1]"},
		{"undescribed field", good, `{"name": "a", "age": 1}`, "application/json", 200, `field "age"`},
		{"value of a map", good, `{"name": "a", "labels": {"b": 1}}`, "application/json", 200, "body.labels.b"},
		{"alternatives", good, `{"name": "a", "either": 1}`, "application/json", 200, "body.either"},
	} {
		answer := httptest.NewRecorder()
		answer.Header().Set("Content-Type", test.kind)
		answer.WriteHeader(test.status)
		_, _ = answer.WriteString(test.body)
		got := d.passed(described, []byte(test.sent), answer)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	if got := d.passed(operation{}, nil, httptest.NewRecorder()); got == "" {
		t.Error("200 of a route that is not described passed")
	}
}
