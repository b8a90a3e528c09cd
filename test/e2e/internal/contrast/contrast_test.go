package contrast_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubernaut/kubernaut/test/e2e/internal/contrast"
)

type record struct {
	Name   string
	Hidden string `json:"-"`
	List   []string
	At     time.Time
	Since  *metav1.Time
	Any    any
}

func TestDiff(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	elsewhere := noon.In(time.FixedZone("", 3600))
	for _, c := range []struct {
		name      string
		want, got any
		equal     bool
	}{
		{"equal", record{Name: "a", List: []string{"x"}}, record{Name: "a", List: []string{"x"}}, true},
		{"a name", record{Name: "a"}, record{Name: "b"}, false},
		{"what JSON leaves out", record{Hidden: "a"}, record{Hidden: "b"}, false},
		{"nil and empty", record{}, record{List: []string{}}, false},
		{"order", []string{"a", "b"}, []string{"b", "a"}, false},
		{"one more", map[int]int{1: 1}, map[int]int{1: 1, 2: 0}, false},
		{"types of numbers", record{Any: 1}, record{Any: 1.0}, false},
		{"types", record{}, &record{}, false},
		{"zones of an instant", record{At: noon, Since: &metav1.Time{Time: noon}}, record{At: elsewhere, Since: &metav1.Time{Time: elsewhere}}, true},
		{"instants", record{At: noon}, record{At: noon.Add(1)}, false},
		{"instants of the API", record{Since: &metav1.Time{Time: noon}}, record{Since: &metav1.Time{Time: noon.Add(time.Second)}}, false},
		{"a time and none", record{Since: &metav1.Time{Time: noon}}, record{}, false},
		{"quantities", resource.MustParse("1Gi"), resource.MustParse("1024Mi"), true},
		{"bytes", []byte("a"), []byte("b"), false},
		{"nothing", nil, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := contrast.Diff(c.want, c.got); (diff == "") != c.equal {
				t.Errorf("got %q", diff)
			}
		})
	}
}

func TestDiffShowsBothSides(t *testing.T) {
	diff := contrast.Diff(record{Name: "wanted", List: []string{"same"}}, record{Name: "gotten", List: []string{"same"}})
	for _, line := range []string{"\n- \"Name\": \"wanted\",\n", "\n+ \"Name\": \"gotten\",\n", "\n   \"same\"\n"} {
		if !strings.Contains(diff, line) {
			t.Errorf("%q is not in\n%s", line, diff)
		}
	}
}

func TestDiffOfContent(t *testing.T) {
	if diff := contrast.DiffOfContent(record{}, record{List: []string{}}); diff != "" {
		t.Errorf("nil and empty: %s", diff)
	}
	if contrast.DiffOfContent(record{}, record{List: []string{""}}) == "" {
		t.Error("nil and an empty text: no difference")
	}
}
