package registry

import (
	"net/http"
	"testing"
	"time"
)

type refusing struct{ at []time.Time }

func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.at = append(r.at, time.Now())
	return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}, Body: http.NoBody}, nil
}

// A registry that says 0, or less than it means, is not asked five times in a row.
func TestRetryBacksOff(t *testing.T) {
	const backoff = 10 * time.Millisecond
	registry := &refusing{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://localhost/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&retry{inner: registry, backoff: backoff}).RoundTrip(req); err != nil || len(registry.at) != attempts {
		t.Fatalf("got %d requests, %v; want %d", len(registry.at), err, attempts)
	}
	for i, least := range []time.Duration{0, 2 * backoff, 4 * backoff, 8 * backoff} {
		if got := registry.at[i+1].Sub(registry.at[i]); got < least {
			t.Errorf("attempt %d: came after %v, want at least %v", i+2, got, least)
		}
	}
}

func TestSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		got := spread(time.Second)
		if got < time.Second || got > 1500*time.Millisecond {
			t.Errorf("got %v for 1 s", got)
		}
		seen[got] = true
	}
	if len(seen) < 2 || spread(0) != 0 {
		t.Errorf("got %d waits of 100, and %v for none", len(seen), spread(0))
	}
}
