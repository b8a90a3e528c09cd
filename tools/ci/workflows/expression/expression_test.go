package expression

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func scope() Scope {
	return Scope{Contexts: map[string]any{
		"github": map[string]any{
			"event_name": "pull_request",
			"event":      map[string]any{"number": 7.0, "labels": []any{"Bug", "ci"}},
		},
		"needs": map[string]any{
			"a": map[string]any{"result": "success", "outputs": map[string]any{"suites": `["x","y"]`}},
			"b": map[string]any{"result": "skipped"},
		},
		"env": map[string]any{"EMPTY": ""},
	}}
}

func TestEvaluate(t *testing.T) {
	for source, want := range map[string]any{
		"null": nil, "true": true, "1": 1.0, "1.5": 1.5, "'it''s'": "it's",
		"github.event_name":                                   "pull_request",
		"GitHub.Event_Name":                                   "pull_request",
		"github.event.pull_request.head":                      nil,
		"github['event']['number']":                           7.0,
		"github.event.labels[1]":                              "ci",
		"github.event.labels[2]":                              nil,
		"!github.event.number":                                false,
		"env.EMPTY || 'other'":                                "other",
		"env.EMPTY && 'other'":                                "",
		"github.event_name == 'PULL_REQUEST'":                 true,
		"github.event.number == '7'":                          true,
		"github.event.number < 8 && 7 <= github.event.number": true,
		"null == 0":                                           true,
		"'x' != 0":                                            true,
		"contains(needs.*.result, 'skipped')":                 true,
		"contains(needs.*.result, 'failure')":                 false,
		"contains(github.event.labels, 'bug')":                true,
		"contains('Hello', 'ELL')":                            true,
		"startsWith('refs/tags/v1', 'refs/TAGS')":             true,
		"endsWith('a.b', 'b')":                                true,
		"fromJSON(needs.a.outputs.suites)[1]":                 "y",
		"toJSON(github.event.labels)":                         "[\n  \"Bug\",\n  \"ci\"\n]",
		"${{ always() && success() && !failure() }}":          true,
		"github.event_name == 'push' && 'main' || 'pr'":       "pr",
	} {
		got, err := Evaluate(source, scope())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", source, err, d)
		}
	}
}

func TestUnknownIsAnError(t *testing.T) {
	for source, want := range map[string]string{
		"secrets.X":             `there is no context "secrets" here`,
		"hashFiles('a')":        "function hashFiles is not supported",
		"contains('a')":         "function contains takes 2 arguments, got 1",
		"github.event_name.*":   `"pull_request" has no elements for .*`,
		"github == 'x'":         "only texts, numbers, booleans and null are compared",
		"2 > 1":                 "operator > is not supported",
		"fromJSON('{')":         "reading JSON",
		"github.":               "parsing expression",
		"true && missing.thing": `there is no context "missing" here`,
	} {
		if _, err := Evaluate(source, scope()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", source, err, want)
		}
	}
}

func TestInterpolate(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                                "plain",
		"pr-${{ github.event.number }}":        "pr-7",
		"${{ '}}' }}${{ null }}-${{ 1 == 1 }}": "}}-true",
	} {
		if got, err := Interpolate(text, scope()); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := Interpolate("${{ 'open", scope()); err == nil {
		t.Error("an expression without an end was accepted")
	}
}

func TestCondition(t *testing.T) {
	ok, failed, cancelled := Status{}, Status{Failed: true}, Status{Cancelled: true}
	for _, c := range []struct {
		source string
		status Status
		want   bool
	}{
		{"", ok, true},
		{"", failed, false},
		{"github.event_name == 'pull_request'", ok, true},
		{"github.event_name == 'pull_request'", failed, false},
		{"github.event_name == 'pull_request'", cancelled, false},
		{"", Status{Skipped: true}, false},
		{"failure()", Status{Skipped: true}, false},
		{"always()", failed, true},
		{"failure()", ok, false},
		{"failure()", failed, true},
		{"${{ !cancelled() && needs.b.result == 'skipped' }}", failed, true},
		{"!cancelled()", cancelled, false},
	} {
		s := scope()
		s.Status = c.status
		if got, err := Condition(c.source, s); got != c.want || err != nil {
			t.Errorf("%q after %+v: got %t, %v, want %t", c.source, c.status, got, err, c.want)
		}
	}
}
