package crds

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
	"github.com/kubernaut/kubernaut/services/internal/names"
)

func TestEveryKindHasItsDefinition(t *testing.T) {
	want, got := slices.Sorted(maps.Keys(kinds(t))), slices.Sorted(maps.Keys(definitions(t)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-scheme +definitions):\n%s", diff)
	}
}

func TestDefinitionsAgreeWithTheCode(t *testing.T) {
	type head struct {
		Group, ListKind string
		Scope           apiextensionsv1.ResourceScope
		Versions        []string
		Served, Status  bool
	}
	known := scheme(t)
	for kind, crd := range definitions(t) {
		t.Run(kind, func(t *testing.T) {
			got := head{Group: crd.Spec.Group, ListKind: crd.Spec.Names.ListKind, Scope: crd.Spec.Scope}
			for _, version := range crd.Spec.Versions {
				got.Versions = append(got.Versions, version.Name)
				got.Served = version.Served && version.Storage
				got.Status = version.Subresources != nil && version.Subresources.Status != nil
			}
			want := head{
				Group: names.APIGroup, ListKind: kind + "List", Scope: apiextensionsv1.NamespaceScoped,
				Versions: []string{names.APIVersion}, Served: true, Status: true,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("definition (-want +got):\n%s", diff)
			}
			if !known.Recognizes(v1alpha1.GroupVersion().WithKind(got.ListKind)) {
				t.Errorf("the scheme does not know %s", got.ListKind)
			}
		})
	}
}

// The API server's own check has the rest: schemas are structural, rules compile and stay below the cost limit, selectable
// fields and columns exist.
func TestAPIServerAcceptsTheDefinitions(t *testing.T) {
	for kind, crd := range definitions(t) {
		t.Run(kind, func(t *testing.T) {
			internal := internalDefinition(t, crd)
			internal.Status.StoredVersions = []string{names.APIVersion}
			for _, err := range validation.ValidateCustomResourceDefinition(t.Context(), internal) {
				t.Error(err)
			}
		})
	}
}

func TestSelectableFieldsAreThoseOfTheCode(t *testing.T) {
	got := map[string][]apiextensionsv1.SelectableField{}
	for kind, crd := range definitions(t) {
		if fields := crd.Spec.Versions[0].SelectableFields; fields != nil {
			got[kind] = fields
		}
	}
	want := map[string][]apiextensionsv1.SelectableField{
		v1alpha1.RemediationRequestKind: {{JSONPath: "." + v1alpha1.FingerprintField}},
		v1alpha1.WorkflowExecutionKind:  {{JSONPath: "." + v1alpha1.TargetResourceField}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("selectable fields (-want +got):\n%s", diff)
	}
}

func TestDeepCopiesAreCurrent(t *testing.T) {
	want := readRunfile(t, "services/internal/api/crds/definitions.deepcopy.go")
	got := readRunfile(t, "services/internal/api/v1alpha1/zz_generated.deepcopy.go")
	if !bytes.Equal(want, got) {
		t.Errorf("deep copies are stale; go generate ./services/internal/api/v1alpha1 writes them (-want +got):\n%s",
			cmp.Diff(string(want), string(got)))
	}
}

// scheme returns what the API package registers.
func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	known := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(known); err != nil {
		t.Fatal(err)
	}
	return known
}

// kinds returns the Go type of every kind in the scheme. Lists, and what each group has from the API machinery, are no kinds
// of their own.
func kinds(t *testing.T) map[string]reflect.Type {
	t.Helper()
	found := map[string]reflect.Type{}
	for kind, goType := range scheme(t).KnownTypes(v1alpha1.GroupVersion()) {
		ours := goType.PkgPath() == reflect.TypeFor[v1alpha1.RemediationRequest]().PkgPath()
		if ours && !strings.HasSuffix(kind, "List") {
			found[kind] = goType
		}
	}
	if len(found) == 0 {
		t.Fatal("no kind in the scheme")
	}
	return found
}

// definitions returns the generated definitions by kind.
func definitions(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	found := map[string]*apiextensionsv1.CustomResourceDefinition{}
	data := readRunfile(t, "services/internal/api/crds/definitions.yaml")
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	var order []string
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(document, crd); err != nil {
			t.Fatalf("decoding a definition: %v", err)
		}
		order = append(order, crd.Name)
		found[crd.Spec.Names.Kind] = crd
	}
	if !slices.IsSorted(order) || len(order) != len(found) {
		t.Fatalf("definitions are %q, want them sorted and no kind twice", order)
	}
	return found
}

func internalDefinition(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) *apiextensions.CustomResourceDefinition {
	t.Helper()
	crd = crd.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil)
	if err != nil {
		t.Fatal(err)
	}
	return internal
}

// readRunfile reads a file of the workspace that the build made or that it declares.
func readRunfile(t *testing.T, name string) []byte {
	t.Helper()
	const hint = "the definitions are an output of the build: tools/bazelw test //services/internal/api/..."
	file, err := runfiles.Rlocation(path.Join("_main", name))
	if err != nil {
		t.Fatalf("finding %s: %v; %s", name, err, hint)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; %s", err, hint)
	}
	return data
}
