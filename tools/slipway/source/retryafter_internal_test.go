package source

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	const fallback = 7 * time.Second
	for value, want := range map[string]time.Duration{
		"": fallback, "0": 0, "3": 3 * time.Second, "-1": fallback, "soon": fallback, "0.01": fallback,
		"Wed, 21 Oct 2015 07:28:00 GMT": 0, "9223372036854775807": 1 << 31 * time.Second,
	} {
		if got := RetryAfter(value, fallback); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}
