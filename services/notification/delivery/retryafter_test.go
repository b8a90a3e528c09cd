package delivery

import (
	"testing"
	"time"
)

// A receiver may write anything; the pause is never negative, and never more than what 31 bits of seconds or a date can say.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "7", "-1", "+3", "1e9", "99999999999999999999", "2147483648", "Tue, 03 Feb 2026 04:06:06 GMT", " 7 "} {
		f.Add(seed)
	}
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		if got := retryAfter(header, now); got < 0 {
			t.Errorf("%q: got %v", header, got)
		}
	})
}
