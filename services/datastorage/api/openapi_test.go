package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/audit"
	"github.com/kubernaut/kubernaut/services/internal/catalog"
	"github.com/kubernaut/kubernaut/services/internal/names"
	"github.com/kubernaut/kubernaut/services/internal/problem"
)

type document struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]struct {
			Properties map[string]json.RawMessage
			Enum       []string
		}
	}
}

func described(t *testing.T) (d document) {
	t.Helper()
	if err := yaml.Unmarshal(Description(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDescriptionHasEveryRoute(t *testing.T) {
	var want, got []string
	for pattern := range New(nil, nil, nil).routes() {
		want = append(want, pattern)
	}
	for path, operations := range described(t).Paths {
		for method := range operations {
			if method != "parameters" && strings.HasPrefix(path, "/api/") {
				got = append(got, strings.ToUpper(method)+" "+path)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-code +openapi.yaml):\n%s", diff)
	}
}

func TestDescriptionHasEveryField(t *testing.T) {
	schemas := described(t).Components.Schemas
	for name, value := range map[string]any{
		"Event": audit.Event{}, "Workflow": catalog.Workflow{}, "Labels": catalog.Labels{}, "Page": catalog.Page{}, "Filters": catalog.Filters{},
		"Search": catalog.SearchRequest{}, "Result": catalog.Result{}, "Problem": problem.Details{},
	} {
		var want, got []string
		for field := range reflect.TypeOf(value).Fields() {
			tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			want = append(want, tag)
		}
		for property := range schemas[name].Properties {
			got = append(got, property)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-code +openapi.yaml):\n%s", name, diff)
		}
	}
	var categories []string
	for _, category := range names.EventCategories() {
		categories = append(categories, string(category))
	}
	if diff := cmp.Diff(categories, schemas["Category"].Enum); diff != "" {
		t.Errorf("Category (-code +openapi.yaml):\n%s", diff)
	}
}
