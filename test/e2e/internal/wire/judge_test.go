package wire_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kubernaut/kubernaut/services/api"
	"github.com/kubernaut/kubernaut/test/e2e/internal/wire"
)

func TestWant(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := wire.NewClient(server.URL)
	if _, err := client.Want(t.Context(), http.StatusNotFound, wire.Request{Path: "/a"}); err != nil {
		t.Errorf("wanted status: got error %v", err)
	}
	_, err := client.Want(t.Context(), http.StatusOK, wire.Request{Path: "/a"})
	if want := "GET /a answers 404 404 page not found\n, want 200"; err == nil || err.Error() != want {
		t.Errorf("other status: got error %v, want %s", err, want)
	}
}

func TestProblem(t *testing.T) {
	const whole = `{"type":"https://kubernaut.ai/problems/validation-error","title":"Validation Error","status":400,"detail":"d","instance":"/a"}`
	for name, test := range map[string]struct {
		response wire.Response
		path     string
		bad      bool
	}{
		"whole":           {wire.Response{Status: 400, ContentType: api.ProblemContentType, Body: whole}, "/a", false},
		"query":           {wire.Response{Status: 400, ContentType: api.ProblemContentType, Body: whole}, "/a?b=c", false},
		"other instance":  {wire.Response{Status: 400, ContentType: api.ProblemContentType, Body: whole}, "/b", true},
		"other status":    {wire.Response{Status: 422, ContentType: api.ProblemContentType, Body: whole}, "/a", true},
		"plain JSON":      {wire.Response{Status: 400, ContentType: "application/json", Body: whole}, "/a", true},
		"empty":           {wire.Response{Status: 400, ContentType: api.ProblemContentType, Body: `{}`}, "/a", true},
		"not JSON at all": {wire.Response{Status: 400, ContentType: api.ProblemContentType, Body: "no"}, "/a", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.response.Problem(http.StatusBadRequest, test.path)
			if (err != nil) != test.bad || (err == nil && got.Detail != "d") {
				t.Errorf("got %+v and error %v, want an error: %t", got, err, test.bad)
			}
		})
	}
}

func TestMetric(t *testing.T) {
	response := wire.Response{Body: "# TYPE a_total counter\na_total{b=\"1\",c=\"x\"} 2\na_total{b=\"2\"} 3.5\na_total_more{b=\"1\"} 100\nplain 7\n"}
	for name, test := range map[string]struct {
		metric, label string
		want          float64
		found         bool
	}{
		"all series":   {"a_total", "", 5.5, true},
		"one label":    {"a_total", `b="1"`, 2, true},
		"no labels":    {"plain", "", 7, true},
		"absent label": {"a_total", `b="3"`, 0, false},
		"absent":       {"b_total", "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, found := response.Metric(test.metric, test.label); got != test.want || found != test.found {
				t.Errorf("got %v, %t; want %v, %t", got, found, test.want, test.found)
			}
		})
	}
}
