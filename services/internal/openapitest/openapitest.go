// Package openapitest compares a service with its OpenAPI description, in tests.
//
// Routes compares both ways. Watch stands in front of the service in all its tests, so that whatever a test provokes must be
// described: the status, the media type, the body. Fields and Words compare schemas with the Go types and words behind them.
//
// Schemas are checked as far as schema.go says. Not a goal: parameters, headers and security.
//
// https://spec.openapis.org/oas/v3.1.0
package openapitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/httpserver"
)

// Description is an OpenAPI document.
type Description struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas   map[string]schema
		Responses map[string]response
	}
}

type operation struct {
	RequestBody struct{ Content map[string]media }
	Responses   map[string]response
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]media
}

type media struct{ Schema schema }

// Read decodes a document in YAML.
func Read(t testing.TB, document []byte) *Description {
	t.Helper()
	var d Description
	if err := yaml.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// Routes wants every route of the server in the description, and the other way round.
func (d *Description) Routes(t *testing.T, server *httpserver.Server) {
	t.Helper()
	var served, described []string
	for _, pattern := range server.Patterns() {
		served = append(served, routes(server, pattern)...)
	}
	d.each(func(method, path string, _ json.RawMessage) { described = append(described, method+" "+path) })
	slices.Sort(served)
	slices.Sort(described)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("routes (-code +openapi.yaml):\n%s", diff)
	}
}

// routes returns one route per method. A handler of all methods names those that it means in its refusal of OPTIONS.
func routes(server *httpserver.Server, pattern string) []string {
	if strings.Contains(pattern, " ") {
		return []string{pattern}
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodOptions, pattern, nil))
	var all []string
	for method := range strings.SplitSeq(answer.Header().Get("Allow"), ",") {
		all = append(all, strings.TrimSpace(method)+" "+pattern)
	}
	return all
}

// each visits all operations. Beside them a path may have parameters.
func (d *Description) each(visit func(method, path string, operation json.RawMessage)) {
	for path, operations := range d.Paths {
		for method, operation := range operations {
			if method != "parameters" {
				visit(strings.ToUpper(method), path, operation)
			}
		}
	}
}

// Fields wants each schema to have the JSON fields of the value's type, and no other.
func (d *Description) Fields(t *testing.T, values map[string]any) {
	t.Helper()
	for name, value := range values {
		var want, got []string
		for _, field := range reflect.VisibleFields(reflect.TypeOf(value)) {
			if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
				want = append(want, tag)
			}
		}
		for property := range d.Components.Schemas[name].Properties {
			got = append(got, property)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-code +openapi.yaml):\n%s", name, diff)
		}
	}
}

// Words wants the schema to enumerate exactly these words, in this order.
func Words[T ~string](t *testing.T, d *Description, name string, words []T) {
	t.Helper()
	var want []any
	for _, word := range words {
		want = append(want, string(word))
	}
	if diff := cmp.Diff(want, d.Components.Schemas[name].Enum); diff != "" {
		t.Errorf("%s (-code +openapi.yaml):\n%s", name, diff)
	}
}
