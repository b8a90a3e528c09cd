package ingest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/kubernaut/kubernaut/services/internal/problem"
)

// TimestampHeader says when the post was sent, in unix seconds. It bounds how long a recorded post can be replayed.
const TimestampHeader = "X-Timestamp"

// How far the header may be off.
const (
	maxAge  = 5 * time.Minute
	maxSkew = 2 * time.Minute
)

// checkTimestamp returns a problem with a detail of its own for every way in which the header can be wrong.
func checkTimestamp(header string, now time.Time) error {
	if header == "" {
		return problem.New(http.StatusBadRequest, "header %s is required: unix seconds", TimestampHeader)
	}
	seconds, err := strconv.ParseInt(header, 10, 64)
	if err != nil {
		return problem.New(http.StatusBadRequest, "header %s must be unix seconds, got %q", TimestampHeader, shorten(header))
	}
	if seconds < 0 {
		return problem.New(http.StatusBadRequest, "header %s must not be negative, got %d", TimestampHeader, seconds)
	}
	// Compared in seconds: a time.Duration holds no more than 292 years.
	switch age := now.Unix() - seconds; {
	case age > int64(maxAge.Seconds()):
		return problem.New(http.StatusBadRequest, "header %s is too old: %d s, at most %s", TimestampHeader, age, maxAge)
	case -age > int64(maxSkew.Seconds()):
		return problem.New(http.StatusBadRequest, "header %s is in the future: %d s ahead, at most %s", TimestampHeader, -age, maxSkew)
	}
	return nil
}

func shorten(text string) string { return text[:min(len(text), 32)] }
