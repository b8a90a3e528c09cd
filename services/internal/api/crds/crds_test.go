package crds

import (
	"embed"
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
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

//go:embed *.yaml
var definitions embed.FS

func TestSchemaHasEveryFieldOfTheTypes(t *testing.T) {
	for _, test := range []struct {
		file   string
		object any
	}{
		{"kubernaut.ai_aianalyses.yaml", v1alpha1.AIAnalysis{}},
		{"kubernaut.ai_notificationrequests.yaml", v1alpha1.NotificationRequest{}},
		{"kubernaut.ai_remediationapprovalrequests.yaml", v1alpha1.RemediationApprovalRequest{}},
		{"kubernaut.ai_remediationrequests.yaml", v1alpha1.RemediationRequest{}},
		{"kubernaut.ai_signalprocessings.yaml", v1alpha1.SignalProcessing{}},
		{"kubernaut.ai_workflowexecutions.yaml", v1alpha1.WorkflowExecution{}},
	} {
		t.Run(test.file, func(t *testing.T) {
			version := definition(t, test.file).Spec.Versions[0]
			root := version.Schema.OpenAPIV3Schema
			for _, part := range []string{"Spec", "Status"} {
				field, _ := reflect.TypeOf(test.object).FieldByName(part)
				compare(t, strings.ToLower(part), root.Properties[strings.ToLower(part)], field.Type)
			}
		})
	}
}

func TestRemediationRequestDefinition(t *testing.T) {
	crd := definition(t, "kubernaut.ai_remediationrequests.yaml")
	if len(crd.Spec.Versions) != 1 {
		t.Fatalf("got %d versions, want 1", len(crd.Spec.Versions))
	}
	version := crd.Spec.Versions[0]
	spec := version.Schema.OpenAPIV3Schema.Properties["spec"]
	got := map[string]any{
		"group":       crd.Spec.Group,
		"kind":        crd.Spec.Names.Kind,
		"version":     version.Name,
		"status":      version.Subresources != nil && version.Subresources.Status != nil,
		"selectable":  version.SelectableFields,
		"fingerprint": spec.Properties["signalFingerprint"].Pattern,
		"required":    spec.Required,
	}
	want := map[string]any{
		"group":       names.APIGroup,
		"kind":        v1alpha1.RemediationRequestKind,
		"version":     names.APIVersion,
		"status":      true,
		"selectable":  []apiextensionsv1.SelectableField{{JSONPath: "." + v1alpha1.FingerprintField}},
		"fingerprint": "^[0-9a-f]{64}$",
		"required":    []string{"firingTime", "receivedTime", "severity", "signalFingerprint", "signalName", "signalType", "targetResource", "targetType"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestPhasesOfTheSchemaAreThoseOfTheCode(t *testing.T) {
	status := definition(t, "kubernaut.ai_remediationrequests.yaml").Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	terminal := map[string]bool{}
	for _, value := range status.Properties["overallPhase"].Enum {
		var phase v1alpha1.Phase
		if err := json.Unmarshal(value.Raw, &phase); err != nil {
			t.Fatal(err)
		}
		terminal[string(phase)] = phase.Terminal()
	}
	want := map[string]bool{
		"Pending": false, "Processing": false, "Analyzing": false, "AwaitingApproval": false, "Executing": false, "Blocked": false,
		"Completed": true, "Failed": true, "TimedOut": true, "Skipped": true, "Cancelled": true,
	}
	if diff := cmp.Diff(want, terminal); diff != "" {
		t.Errorf("phases and whether they are final (-want +got):\n%s", diff)
	}
}

func TestFullObjectSurvivesARoundTrip(t *testing.T) {
	want := &v1alpha1.RemediationRequest{}
	fill(reflect.ValueOf(&want.Spec).Elem())
	fill(reflect.ValueOf(&want.Status).Elem())
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want.DeepCopy())
	if err != nil {
		t.Fatal(err)
	}
	got := &v1alpha1.RemediationRequest{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(content, got, true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("object after a round trip (-want +got):\n%s", diff)
	}
}

func TestSchemeKnowsTheTypes(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"RemediationRequest", "RemediationRequestList"} {
		if !scheme.Recognizes(v1alpha1.GroupVersion().WithKind(kind)) {
			t.Errorf("the scheme does not know %s", kind)
		}
	}
}

func definition(t *testing.T, file string) apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	data, err := definitions.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &crd); err != nil {
		t.Fatalf("decoding %s: %v", file, err)
	}
	return crd
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
		target.Time = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
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
		value.Set(reflect.ValueOf(map[string]string{"key": "value"}))
	case reflect.String:
		value.SetString("text")
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int32, reflect.Int64:
		value.SetInt(7)
	}
}
