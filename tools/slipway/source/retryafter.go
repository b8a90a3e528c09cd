package source

import (
	"net/http"
	"strconv"
	"time"
)

// RetryAfter reads https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: seconds or a date. It is never negative, and fallback
// when there is none.
func RetryAfter(value string, fallback time.Duration) time.Duration {
	const longest = 1 << 31 // in seconds, so that they can be counted in nanoseconds
	if s, err := strconv.Atoi(value); err == nil && s >= 0 {
		return time.Duration(min(s, longest)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return fallback
}
