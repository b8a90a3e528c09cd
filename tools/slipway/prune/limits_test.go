package prune_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

// script answers requests one after the other; its clock moves only when somebody sleeps.
type script struct {
	answers []answer
	at      time.Time
	slept   []time.Duration
}

type answer struct {
	status int
	header string // "Name: value", several by "; "
	body   string
	err    error
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	a := s.answers[0]
	s.answers = s.answers[1:]
	if a.err != nil {
		return nil, a.err
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}
	for _, field := range strings.Split(a.header, "; ") {
		name, value, _ := strings.Cut(field, ": ")
		resp.Header.Set(name, value)
	}
	return resp, nil
}

func (s *script) sleep(_ context.Context, d time.Duration) error {
	s.at = s.at.Add(d)
	if d > 0 {
		s.slept = append(s.slept, d)
	}
	return nil
}

func TestLimits(t *testing.T) {
	in := func(d time.Duration) string {
		return fmt.Sprintf("X-RateLimit-Remaining: 0; X-RateLimit-Reset: %d", now.Add(d).Unix())
	}
	ok := answer{status: 200}
	for _, tc := range []struct {
		name    string
		answers []answer
		slept   []time.Duration
		want    string // of the last request
		lines   int
	}{
		{"nothing in the way", []answer{ok}, nil, "200", 0},
		{"spent by the last request that is answered", []answer{{status: 200, header: in(time.Minute)}, ok}, nil, "200", 0},
		{"refused until the reset", []answer{{status: 403, header: in(time.Minute)}, ok}, []time.Duration{time.Minute}, "200", 1},
		{"refused until too late", []answer{{status: 403, header: in(time.Hour)}}, nil, "api.example wants no requests until 13:00:00 UTC, which is 60 min 00 s from now", 0},
		{"429 with Retry-After", []answer{{status: 429, header: "Retry-After: 7"}, ok}, []time.Duration{7 * time.Second}, "200", 1},
		{"429 without", []answer{{status: 429}, ok}, []time.Duration{time.Minute}, "200", 1},
		{"secondary with Retry-After", []answer{{status: 403, header: "Retry-After: 3; X-RateLimit-Remaining: 9"}, ok}, []time.Duration{3 * time.Second}, "200", 1},
		{"secondary by its words", []answer{{status: 403, body: "You have exceeded a secondary rate limit."}, ok}, []time.Duration{time.Minute}, "200", 1},
		{"a refusal", []answer{{status: 403, body: "no"}}, nil, "403 no", 0},
		{"failures", []answer{{status: 502}, {err: io.EOF}, ok}, []time.Duration{500 * time.Millisecond, time.Second}, "200", 0},
		{"failures without end", []answer{{status: 503}, {status: 503}, {status: 503}, {status: 503}, {status: 503, body: "down"}}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}, "503 down", 0},
		{"nobody there", []answer{{err: errors.New("refused")}}, nil, "refused", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{answers: tc.answers, at: now}
			var lines strings.Builder
			limits := &prune.Limits{Inner: s, MaxWait: 10 * time.Minute, Progress: progress.New(&lines, progress.Options{}), Now: func() time.Time { return s.at }, Sleep: s.sleep}
			got := ""
			resp, err := limits.RoundTrip(request(t, http.MethodGet))
			if err != nil {
				got = err.Error()
			} else {
				body, _ := io.ReadAll(resp.Body)
				got = strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", string(body)))
			}
			if diff := cmp.Diff([]any{tc.want, tc.slept, tc.lines}, []any{got, s.slept, strings.Count(lines.String(), "\n")}); diff != "" {
				t.Errorf("answer, waits and lines (-want +got):\n%s", diff)
			}
		})
	}
}

func request(t *testing.T, method string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://api.example/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A limit that is spent holds the next request back, not the one that spent it; deletions keep their distance.
func TestLimitsBetweenRequests(t *testing.T) {
	s := &script{at: now, answers: []answer{
		{status: 200, header: fmt.Sprintf("X-RateLimit-Remaining: 0; X-RateLimit-Reset: %d", now.Add(30*time.Second).Unix())},
		{status: 200}, {status: 204}, {status: 204}, {status: 204},
	}}
	limits := &prune.Limits{Inner: s, MaxWait: time.Minute, Pause: time.Second, Progress: progress.Discard(), Now: func() time.Time { return s.at }, Sleep: s.sleep}
	for _, method := range []string{"GET", "GET", "DELETE", "DELETE", "DELETE"} {
		if _, err := limits.RoundTrip(request(t, method)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]time.Duration{30 * time.Second, time.Second, time.Second}, s.slept); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if limits.Requests() != 5 {
		t.Errorf("got %d requests", limits.Requests())
	}
}
