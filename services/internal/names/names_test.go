package names_test

import (
	_ "embed"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/names"
)

//go:embed events.go
var events string

func TestEventTypesAreWellFormedAndUnique(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+\.[a-z]+\.[a-z_]+$`)
	declared := constants(t, "EventType")
	if len(declared) < 40 {
		t.Errorf("found %d event types in events.go, want all", len(declared))
	}
	seen := map[string]bool{}
	for _, value := range declared {
		if !form.MatchString(value) {
			t.Errorf("event type %q is not of the form %s", value, form)
		}
		if seen[value] {
			t.Errorf("event type %q is there twice", value)
		}
		seen[value] = true
	}
}

func TestListsHoldEveryConstant(t *testing.T) {
	if diff := cmp.Diff(constants(t, "EventCategory"), texts(names.EventCategories())); diff != "" {
		t.Errorf("EventCategories (-declared +listed):\n%s", diff)
	}
	if diff := cmp.Diff(constants(t, "EventOutcome"), texts(names.EventOutcomes())); diff != "" {
		t.Errorf("EventOutcomes (-declared +listed):\n%s", diff)
	}
}

func TestServiceURL(t *testing.T) {
	if got, want := names.ServiceURL(names.DataStorageService), "http://data-storage-service:8080"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// constants returns the values of events.go's constants of a type, in the order of their declaration.
func constants(t *testing.T, kind string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "events.go", events, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); !ok || of.Name != kind {
			return false
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, text)
		}
		return false
	})
	return values
}

func texts[T ~string](list []T) []string {
	var all []string
	for _, item := range list {
		all = append(all, string(item))
	}
	return all
}
