package problem_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

func TestWrite(t *testing.T) {
	const base = "https://kubernaut.ai/problems/"
	for _, test := range []struct {
		given *problem.Details
		want  map[string]any
	}{
		{problem.Invalid("d", map[string]string{"a": "is required"}), map[string]any{"type": base + "validation-error", "title": "Validation Error",
			"status": 400.0, "detail": "d", "instance": "/x", "field_errors": map[string]any{"a": "is required"}}},
		{problem.New(http.StatusUnsupportedMediaType, "%d%%", 5), map[string]any{"type": base + "unsupported-media-type",
			"title": "Unsupported Media Type", "status": 415.0, "detail": "5%", "instance": "/x"}},
		{problem.New(http.StatusTooManyRequests, "d"), map[string]any{"type": base + "too-many-requests", "title": "Too Many Requests",
			"status": 429.0, "detail": "d", "instance": "/x"}},
		{problem.New(http.StatusTeapot, "d"), map[string]any{"type": base + "unknown", "title": "I'm a teapot", "status": 418.0, "detail": "d", "instance": "/x"}},
		{&problem.Details{Type: "t", Title: "T", Status: 599, Detail: "d", Instance: "i"},
			map[string]any{"type": "t", "title": "T", "status": 599.0, "detail": "d", "instance": "i"}},
	} {
		w := httptest.NewRecorder()
		problem.Write(w, httptest.NewRequest(http.MethodGet, "/x?token=secret", nil), test.given)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || w.Code != test.given.Status || w.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("status %d, content type %q, body (-want +got):\n%s", w.Code, w.Header().Get("Content-Type"), diff)
		}
	}
}
