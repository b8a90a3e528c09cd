package crds

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubernaut/kubernaut/services/internal/api/v1alpha1"
)

// minRejections is how many invalid objects each kind has at least.
const minRejections = 6

// fingerprint is the SHA-256 of nothing.
const fingerprint = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// edit changes one field of an object, which is named by its path, as in "spec.signal.name".
type edit struct {
	path  string
	value any // JSON; nil removes the field
}

func (e edit) String() string { return fmt.Sprintf("%s = %v", e.path, e.value) }

// rejection is an edit of a valid object that the API server refuses.
type rejection struct {
	edit
	want string // see problem
}

// specimen is what the API server must say about objects of one kind.
type specimen struct {
	valid    runtime.Object
	other    edit           // makes another valid object of another spec
	accepted []edit         // make valid objects
	rejected []rejection    // make invalid objects
	defaults map[string]any // path → value that the API server fills in
}

func specimens() map[string]specimen {
	return map[string]specimen{
		v1alpha1.RemediationRequestKind:         remediationRequest(),
		v1alpha1.RemediationApprovalRequestKind: remediationApprovalRequest(),
		v1alpha1.SignalProcessingKind:           signalProcessing(),
		v1alpha1.AIAnalysisKind:                 aiAnalysis(),
		v1alpha1.WorkflowExecutionKind:          workflowExecution(),
		v1alpha1.NotificationRequestKind:        notificationRequest(),
	}
}

func TestEveryKindHasASpecimen(t *testing.T) {
	all := specimens()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(kinds(t))), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("kinds (-scheme +specimens):\n%s", diff)
	}
	for kind, specimen := range all {
		if got := len(specimen.rejected); got < minRejections {
			t.Errorf("%s has %d invalid objects, want at least %d", kind, got, minRejections)
		}
	}
}

func TestValidObjectsAreAccepted(t *testing.T) {
	eachSpecimen(t, func(t *testing.T, v *validator, s specimen) {
		for _, edit := range append([]edit{{path: "metadata.name", value: "valid"}, s.other}, s.accepted...) {
			if got := v.create(t, edited(t, s.valid, edit)); got != nil {
				t.Errorf("with %s: %q, want it accepted", edit, got)
			}
		}
	})
}

func TestInvalidObjectsAreRejected(t *testing.T) {
	eachSpecimen(t, func(t *testing.T, v *validator, s specimen) {
		for _, rejection := range s.rejected {
			got := v.create(t, edited(t, s.valid, rejection.edit))
			if diff := cmp.Diff([]string{rejection.want}, got); diff != "" {
				t.Errorf("with %.120s (-want +got):\n%s", rejection.edit, diff)
			}
		}
	})
}

func TestSpecIsImmutable(t *testing.T) {
	eachSpecimen(t, func(t *testing.T, v *validator, s specimen) {
		old := content(t, s.valid)
		got := v.update(t, edited(t, s.valid, s.other), old)
		if diff := cmp.Diff([]string{"spec: Invalid value: spec is immutable"}, got); diff != "" {
			t.Errorf("another spec (-want +got):\n%s", diff)
		}
		label := edit{path: "metadata.labels", value: map[string]any{"key": "value"}}
		if got := v.update(t, edited(t, s.valid, label), old); got != nil {
			t.Errorf("another label: %q, want it accepted", got)
		}
	})
}

func TestDefaults(t *testing.T) {
	eachSpecimen(t, func(t *testing.T, v *validator, s specimen) {
		object := v.withDefaults(content(t, s.valid))
		for path, want := range s.defaults {
			got, _, err := unstructured.NestedFieldNoCopy(object, strings.Split(path, ".")...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
}

func eachSpecimen(t *testing.T, check func(*testing.T, *validator, specimen)) {
	crds := definitions(t)
	for kind, specimen := range specimens() {
		t.Run(kind, func(t *testing.T) {
			if crds[kind] == nil {
				t.Fatal("the kind has no definition")
			}
			check(t, newValidator(t, crds[kind]), specimen)
		})
	}
}

func content(t *testing.T, object runtime.Object) map[string]any {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

func edited(t *testing.T, object runtime.Object, change edit) map[string]any {
	t.Helper()
	fields, path := content(t, object), strings.Split(change.path, ".")
	if change.value == nil {
		if _, found, _ := unstructured.NestedFieldNoCopy(fields, path...); !found {
			t.Fatalf("the valid object has no %s to remove", change.path)
		}
		unstructured.RemoveNestedField(fields, path...)
		return fields
	}
	if err := unstructured.SetNestedField(fields, change.value, path...); err != nil {
		t.Fatal(err)
	}
	return fields
}

// reject returns a rejection; see edit and problem for the parts.
func reject(path string, value any, want string) rejection {
	return rejection{edit: edit{path: path, value: value}, want: want}
}

func reference(kind string) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Kind: kind, Name: "name"}
}

func target() v1alpha1.TargetResource {
	return v1alpha1.TargetResource{Kind: "Deployment", Name: "web", Namespace: "shop"}
}

func moment() metav1.Time { return metav1.Unix(1_700_000_000, 0) }
