// Package contrast compares what a suite wants with what it got, as go-cmp does: strictly, but for times, which are equal when
// their instants are, and quantities.
//
// go-cmp itself looks methods up by number when it prints a type. The linker then keeps every exported method of every type:
// 19 MB more in each suite's binary, most of them client-go's. A CI job holds ten of these binaries.
package contrast

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	difference "k8s.io/apimachinery/pkg/util/diff"
)

// Diff is empty when both are equal, else lines of both as JSON, with "-" before those of want and "+" before those of got. A
// nil slice or map is not equal to an empty one. It panics on unexported fields.
func Diff(want, got any) string {
	if equalities().DeepEqualWithNilDifferentFromEmpty(want, got) {
		return ""
	}
	return text(want, got)
}

// DiffOfContent is Diff, but a nil slice or map is equal to an empty one.
func DiffOfContent(want, got any) string {
	if equalities().DeepEqual(want, got) {
		return ""
	}
	return text(want, got)
}

func equalities() conversion.Equalities {
	return conversion.EqualitiesOrDie(
		func(a, b time.Time) bool { return a.Equal(b) },
		func(a, b metav1.Time) bool { return a.Equal(&b) },
		func(a, b metav1.MicroTime) bool { return a.Equal(&b) },
		func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 },
	)
}

// text is never empty: JSON does not show every difference.
func text(want, got any) string {
	if a, ok := want.([]byte); ok {
		if b, ok := got.([]byte); ok {
			want, got = string(a), string(b) // JSON would show base64
		}
	}
	if lines := difference.Diff(want, got); lines != "" {
		return lines
	}
	return fmt.Sprintf("-%#v\n+%#v\n", want, got)
}
