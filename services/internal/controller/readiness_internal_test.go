package controller

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Probes come every 2 s. A reason is logged when it is new, and again when nobody has heard of it for 10 s.
func TestReasonsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var fails error
		check := logged(slog.New(slog.NewTextHandler(&log, nil)), "policies", func(*http.Request) error { return fails })
		for _, step := range []struct {
			fails error
			at    time.Duration // since the step before
			lines int           // so far
		}{
			{nil, 0, 0},
			{errors.New("a.rego:1: no such rule"), 0, 1},
			{errors.New("a.rego:1: no such rule"), 2 * time.Second, 1},
			{errors.New("a.rego:2: no such rule"), 2 * time.Second, 2},
			{errors.New("a.rego:2: no such rule"), 8 * time.Second, 2},
			{errors.New("a.rego:2: no such rule"), 2 * time.Second, 3},
			{nil, 2 * time.Second, 3},
			{nil, time.Minute, 3},
			{errors.New("a.rego:2: no such rule"), 2 * time.Second, 4},
		} {
			time.Sleep(step.at)
			fails = step.fails
			if got := check(nil); got != step.fails {
				t.Errorf("got %v, want the check's own %v", got, step.fails)
			}
			if got := strings.Count(log.String(), `"not ready" check=policies reason="a.rego`); got != step.lines {
				t.Errorf("after %+v: %d lines, want %d:\n%s", step, got, step.lines, &log)
			}
		}
	})
}
