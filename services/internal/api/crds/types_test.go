package crds

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

func TestSchemaHasEveryFieldOfTheTypes(t *testing.T) {
	crds := definitions(t)
	for kind, goType := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			root := schemaOf(t, crds[kind])
			for _, part := range []string{"Spec", "Status"} {
				field, _ := goType.FieldByName(part)
				compare(t, strings.ToLower(part), root.Properties[strings.ToLower(part)], field.Type)
			}
		})
	}
}

func TestFullObjectSurvivesARoundTrip(t *testing.T) {
	for kind, goType := range kinds(t) {
		t.Run(kind, func(t *testing.T) {
			want := reflect.New(goType)
			fill(want.Elem().FieldByName("Spec"))
			fill(want.Elem().FieldByName("Status"))
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want.Interface().(runtime.Object).DeepCopyObject())
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(goType)
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, got.Interface(), true); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Interface(), got.Interface()); diff != "" {
				t.Errorf("object after a round trip (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPhasesOfTheSchemaAreThoseOfTheCode(t *testing.T) {
	for _, test := range []struct {
		kind, field string
		terminal    func(string) bool
		want        map[string]bool
	}{
		{v1alpha1.RemediationRequestKind, "overallPhase", terminal[v1alpha1.Phase], map[string]bool{
			"Pending": false, "Processing": false, "Analyzing": false, "AwaitingApproval": false, "Executing": false, "Blocked": false,
			"Completed": true, "Failed": true, "TimedOut": true, "Skipped": true, "Cancelled": true,
		}},
		{v1alpha1.SignalProcessingKind, "phase", terminal[v1alpha1.SignalProcessingPhase], map[string]bool{
			"Pending": false, "Enriching": false, "Classifying": false, "Categorizing": false, "Completed": true, "Failed": true,
		}},
		{v1alpha1.AIAnalysisKind, "phase", terminal[v1alpha1.AIAnalysisPhase], map[string]bool{
			"Pending": false, "Investigating": false, "Analyzing": false, "Completed": true, "Failed": true,
		}},
		{v1alpha1.WorkflowExecutionKind, "phase", terminal[v1alpha1.WorkflowExecutionPhase], map[string]bool{
			"Pending": false, "Running": false, "Completed": true, "Failed": true,
		}},
		{v1alpha1.NotificationRequestKind, "phase", terminal[v1alpha1.NotificationPhase], map[string]bool{
			"Pending": false, "Sending": false, "Retrying": false, "Sent": true, "PartiallySent": true, "Failed": true,
		}},
	} {
		t.Run(test.kind, func(t *testing.T) {
			status := schemaOf(t, definitions(t)[test.kind]).Properties["status"]
			got := map[string]bool{}
			for _, value := range status.Properties[test.field].Enum {
				var phase string
				if err := json.Unmarshal(value.Raw, &phase); err != nil {
					t.Fatal(err)
				}
				got[phase] = test.terminal(phase)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("phases and whether they are final (-want +got):\n%s", diff)
			}
			if test.terminal("") {
				t.Error("the phase of an object that nobody has seen yet is final")
			}
		})
	}
}

// terminal asks the phase of type P that text is.
func terminal[P interface {
	~string
	Terminal() bool
}](text string) bool {
	return P(text).Terminal()
}

// schemaOf returns the one schema of a definition. A nil definition ends the test.
func schemaOf(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.JSONSchemaProps {
	t.Helper()
	if crd == nil {
		t.Fatal("the kind has no definition")
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// compare walks a Go type and its schema together.
func compare(t *testing.T, path string, schema apiextensionsv1.JSONSchemaProps, goType reflect.Type) {
	t.Helper()
	for goType.Kind() == reflect.Pointer {
		goType = goType.Elem()
	}
	switch {
	case opaque(goType):
		return
	case goType.Kind() == reflect.Slice:
		compare(t, path+"[]", *schema.Items.Schema, goType.Elem())
	case goType.Kind() == reflect.Struct:
		fields := jsonFields(goType)
		want, got := slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(schema.Properties))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("fields of %s (-Go +schema):\n%s", path, diff)
		}
		for name, field := range fields {
			compare(t, path+"."+name, schema.Properties[name], field)
		}
	}
}

// opaque types marshal themselves into one JSON string.
func opaque(goType reflect.Type) bool {
	return goType == reflect.TypeFor[metav1.Time]() || goType == reflect.TypeFor[metav1.MicroTime]() || goType == reflect.TypeFor[metav1.Duration]()
}

func jsonFields(goType reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range goType.NumField() {
		name, _, _ := strings.Cut(goType.Field(i).Tag.Get("json"), ",")
		fields[name] = goType.Field(i).Type
	}
	return fields
}

// fill gives every field below value something other than its zero value.
func fill(value reflect.Value) {
	switch target := value.Addr().Interface().(type) {
	case *metav1.Time:
		*target = metav1.Unix(1_700_000_000, 0)
		return
	case *metav1.MicroTime:
		*target = metav1.NewMicroTime(time.Unix(1_700_000_000, 123_456_000))
		return
	case *metav1.Duration:
		target.Duration = time.Minute
		return
	}
	switch value.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		fill(value.Elem())
	case reflect.Struct:
		for i := range value.NumField() {
			fill(value.Field(i))
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		fill(value.Index(0))
	case reflect.Map:
		element := reflect.New(value.Type().Elem()).Elem()
		fill(element)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf("key"), element)
	case reflect.String:
		value.SetString("text")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int32, reflect.Int64:
		value.SetInt(7)
	case reflect.Float64:
		value.SetFloat(0.5)
	default:
		panic("fill knows no " + value.Type().String())
	}
}
