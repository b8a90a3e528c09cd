package prune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

const (
	attempts    = 5                      // of a request
	firstPause  = 500 * time.Millisecond // after an answer 5xx or a connection that broke; doubled each time
	secondPause = time.Minute            // GitHub's advice for a secondary limit that names no time
)

// Limits is an http.RoundTripper that keeps to what servers allow: GitHub's hourly limit, its secondary limits
// (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api), and Retry-After of any server. It also
// counts, and repeats requests that a busy server or a broken connection took with it.
type Limits struct {
	Inner   http.RoundTripper
	MaxWait time.Duration // of one wait; a server that asks for more ends the run with a WaitError
	// Pause is the least time between two DELETE requests to GitHub's REST API, which takes 180 in a minute; 0 is none.
	Pause    time.Duration
	Progress progress.Reporter
	Now      func() time.Time                           // time.Now when nil
	Sleep    func(context.Context, time.Duration) error // a real one when nil

	requests atomic.Int64
	mu       sync.Mutex
	until    map[string]time.Time // host to the time before which it wants no request
	deleted  time.Time            // when the last DELETE may be sent
}

// beforeKey is a context's key of what before has added.
type beforeKey struct{}

// before lets Limits call the check right before it sends a DELETE request, each time that it does: whatever was known when the
// request was made may be minutes old by then. An error of the check ends the request.
func before(ctx context.Context, check func() error) context.Context {
	return context.WithValue(ctx, beforeKey{}, check)
}

func checkBefore(in *http.Request) error {
	check, ok := in.Context().Value(beforeKey{}).(func() error)
	if !ok || in.Method != http.MethodDelete { // the request for a token has the same context
		return nil
	}
	return check()
}

// WaitError is a server that wants to be left alone for longer than the run may wait.
type WaitError struct {
	Host  string
	Until time.Time
	Wait  time.Duration
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("%s wants no requests until %s, which is %s from now", e.Host, e.Until.UTC().Format("15:04:05 MST"), progress.Seconds(e.Wait))
}

func (e *WaitError) stop(doing string) error {
	minutes := int(math.Ceil(e.Wait.Minutes()))
	return stopEverywhere(fault.New(fault.Delivery, fmt.Errorf("%s: %w", doing, e), fmt.Sprintf("--max-wait=%dm", minutes)))
}

// Requests is how many have been sent.
func (l *Limits) Requests() int64 { return l.requests.Load() }

// RoundTrip implements http.RoundTripper.
func (l *Limits) RoundTrip(in *http.Request) (*http.Response, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := l.wait(in); err != nil {
			return nil, err
		}
		if err := checkBefore(in); err != nil {
			return nil, err
		}
		req, err := registry.Again(in)
		if err != nil {
			return nil, err
		}
		l.requests.Add(1)
		resp, err := l.Inner.RoundTrip(req)
		limited := err == nil && l.limited(resp)
		failed := err != nil && broken(err) || err == nil && resp.StatusCode >= 500
		if !limited && !failed || attempt == attempts || in.Body != nil && in.Body != http.NoBody && in.GetBody == nil {
			return resp, err
		}
		if err == nil {
			io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
			resp.Body.Close()
		}
		if failed {
			if err := l.sleep(in.Context(), pause); err != nil {
				return nil, err
			}
			pause *= 2
		}
	}
}

// limited notes when the server wants the next request, and tells whether this one is to be repeated then.
func (l *Limits) limited(resp *http.Response) bool {
	now, host := l.now(), resp.Request.URL.Host
	spent := resp.Header.Get("X-RateLimit-Remaining") == "0"
	refused := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusForbidden && (spent || secondary(resp))
	wait := time.Duration(0)
	switch after := resp.Header.Get("Retry-After"); {
	case refused && after != "":
		wait = registry.RetryAfter(after, secondPause)
	case spent:
		if reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			wait = max(0, time.Unix(reset, 0).Sub(now))
		}
	case refused:
		wait = secondPause
	}
	if wait > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.until == nil {
			l.until = map[string]time.Time{}
		}
		l.until[host] = now.Add(wait)
	}
	return refused
}

// secondary reads what a 403 says, and leaves it to be read again.
func secondary(resp *http.Response) bool {
	if resp.Header.Get("Retry-After") != "" {
		return true
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), resp.Body), resp.Body}
	return strings.Contains(string(text), "secondary rate limit")
}

// wait returns when the host may be asked.
func (l *Limits) wait(req *http.Request) error {
	for {
		l.mu.Lock()
		until, now := l.until[req.URL.Host], l.now()
		pause := time.Duration(0)
		if until.After(now) {
			pause = until.Sub(now)
		}
		paced := pause == 0 && req.Method == http.MethodDelete && l.Pause > 0
		if paced {
			at := l.deleted.Add(l.Pause)
			if at.Before(now) {
				at = now
			}
			l.deleted, pause = at, at.Sub(now)
		}
		l.mu.Unlock()
		switch {
		case pause > l.MaxWait && !paced:
			return &WaitError{Host: req.URL.Host, Until: until, Wait: pause}
		case paced:
			return l.sleep(req.Context(), pause)
		case pause == 0:
			return nil
		}
		l.Progress.Line("waiting %s, because %s wants no requests until %s", progress.Seconds(pause), req.URL.Host, until.UTC().Format("15:04:05 MST"))
		if err := l.sleep(req.Context(), pause); err != nil {
			return err
		}
	}
}

func (l *Limits) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

func (l *Limits) sleep(ctx context.Context, d time.Duration) error {
	if l.Sleep != nil {
		return l.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// broken reports a connection that ended early; one that cannot be made is a server that is not there.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
