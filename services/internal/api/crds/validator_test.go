package crds

import (
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

// validator judges objects of one kind by the code that the API server judges them by, in its order:
// https://github.com/kubernetes/apiextensions-apiserver/blob/v0.37.2/pkg/registry/customresource/strategy.go
//
// It differs in one thing. The API server evaluates rules after some kinds of schema errors and not after others; the
// validator evaluates them on objects without schema errors alone.
type validator struct {
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator // nil when the schema has no rule
}

func newValidator(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) *validator {
	t.Helper()
	props, err := apiextensions.GetSchemaForVersion(internalDefinition(t, crd), names.APIVersion)
	if err != nil {
		t.Fatal(err)
	}
	structural, err := structuralschema.NewStructural(props.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	schema, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
	if err != nil {
		t.Fatal(err)
	}
	return &validator{
		structural: structural,
		schema:     schema,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}
}

// withDefaults returns a copy of an object as the API server completes it.
func (v *validator) withDefaults(object map[string]any) map[string]any {
	object = runtime.DeepCopyJSON(object)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, v.structural)
	defaulting.Default(object, v.structural)
	return object
}

// create returns what is wrong with a new object, nil for nothing.
func (v *validator) create(t *testing.T, object map[string]any) []string {
	t.Helper()
	object = v.withDefaults(object)
	errs := v.invariants(t, object)
	errs = append(errs, validation.ValidateCustomResource(nil, object, v.schema)...)
	return v.problems(t, errs, object, nil)
}

// update returns what is wrong with replacing old by object, nil for nothing.
func (v *validator) update(t *testing.T, object, old map[string]any) []string {
	t.Helper()
	object, old = v.withDefaults(object), v.withDefaults(old)
	errs := v.invariants(t, object)
	errs = append(errs, validation.ValidateCustomResourceUpdate(nil, object, old, v.schema)...)
	return v.problems(t, errs, object, old)
}

func (v *validator) invariants(t *testing.T, object map[string]any) field.ErrorList {
	errs := objectmeta.Validate(t.Context(), nil, object, v.structural, false)
	return append(errs, listtype.ValidateListSetsAndMaps(nil, v.structural, object)...)
}

func (v *validator) problems(t *testing.T, errs field.ErrorList, object, old map[string]any) []string {
	if len(errs) == 0 && v.rules != nil {
		// An old object that is nil has to be a nil interface, or transition rules run on creation.
		var stored any
		if old != nil {
			stored = old
		}
		errs, _ = v.rules.Validate(t.Context(), nil, v.structural, object, stored, celconfig.RuntimeCELCostBudget)
	}
	var problems []string
	for _, err := range errs {
		problems = append(problems, problem(err))
	}
	return problems
}

// problem returns an error as "<field>: <kind of error>: <detail>", without the value, which can be long, and without the
// supported values.
func problem(err *field.Error) string {
	text := err.Field + ": " + err.Type.String()
	detail := strings.TrimPrefix(err.Detail, err.Field+" in body ")
	if detail == "" || err.Type == field.ErrorTypeNotSupported {
		return text
	}
	return text + ": " + detail
}
