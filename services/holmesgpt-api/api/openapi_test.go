package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/holmesgpt-api/config"
	"github.com/kubernaut/kubernaut/services/internal/holmesgpt"
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
	for pattern := range New(nil, config.Config{}).guarded() {
		want = append(want, pattern)
	}
	for path, operations := range described(t).Paths {
		for method := range operations {
			if strings.HasPrefix(path, "/api/") {
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
	for _, value := range []any{
		holmesgpt.IncidentRequest{}, holmesgpt.RecoveryRequest{}, holmesgpt.PreviousExecution{}, holmesgpt.PreviousWorkflow{},
		holmesgpt.ExecutionFailure{}, holmesgpt.Response{}, holmesgpt.RootCauseAnalysis{}, holmesgpt.Resource{},
		holmesgpt.SelectedWorkflow{}, holmesgpt.AlternativeWorkflow{}, holmesgpt.ValidationAttempt{}, holmesgpt.RecoveryAnalysis{},
		holmesgpt.PreviousAttemptAssessment{}, problem.Details{},
	} {
		kind := reflect.TypeOf(value)
		name := strings.Replace(kind.Name(), "Details", "Problem", 1)
		var got []string
		for property := range schemas[name].Properties {
			got = append(got, property)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tags(kind), got); diff != "" {
			t.Errorf("%s (-code +openapi.yaml):\n%s", name, diff)
		}
	}
}

func tags(kind reflect.Type) []string {
	var all []string
	for _, field := range reflect.VisibleFields(kind) {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
			all = append(all, tag)
		}
	}
	slices.Sort(all)
	return all
}

func TestDescriptionHasEveryWord(t *testing.T) {
	schemas := described(t).Components.Schemas
	if diff := cmp.Diff(texts(holmesgpt.Severities()), schemas["Severity"].Enum); diff != "" {
		t.Errorf("Severity (-code +openapi.yaml):\n%s", diff)
	}
	if diff := cmp.Diff(texts(holmesgpt.HumanReviewReasons()), schemas["HumanReviewReason"].Enum); diff != "" {
		t.Errorf("HumanReviewReason (-code +openapi.yaml):\n%s", diff)
	}
}

func texts[T ~string](values []T) []string {
	var all []string
	for _, value := range values {
		all = append(all, string(value))
	}
	return all
}
