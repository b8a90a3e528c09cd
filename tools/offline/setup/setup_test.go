package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// output is safe for the runner's goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func runner(t *testing.T, out io.Writer) *Runner {
	dir := t.TempDir()
	return &Runner{Cache: dir, Out: out, Log: filepath.Join(dir, "setup.log")}
}

func TestRunStopsAfterAFailedGroup(t *testing.T) {
	var out output
	ran := make(map[string]bool)
	step := func(name string, err error) Step {
		return Step{Name: name, Run: func(_ context.Context, log io.Writer) error {
			ran[name] = true
			fmt.Fprintln(log, "output of", name)
			return err
		}}
	}
	cause := errors.New("mirror is gone")
	err := runner(t, &out).Run(t.Context(), []Step{step("first", nil)}, []Step{step("second", cause)}, []Step{step("third", nil)})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "second: mirror is gone") {
		t.Errorf("Run = %v, want the step's name and cause", err)
	}
	if !ran["first"] || !ran["second"] || ran["third"] {
		t.Errorf("ran %v, want first and second alone", ran)
	}
	for _, want := range []string{"[1/3] first: done", "[2/3] second: failed", "output of second"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output has no %q:\n%s", want, out.String())
		}
	}
}

// Two set-ups of one cache: the second waits, says so, and finds the first one's result.
func TestRunsOfOneCacheExcludeEachOther(t *testing.T) {
	var out output
	r := runner(t, &out)
	var inside, most int
	var mu sync.Mutex
	step := Step{Name: "work", Run: func(context.Context, io.Writer) error {
		mu.Lock()
		inside++
		most = max(most, inside)
		mu.Unlock()
		for range 100 {
			runtime.Gosched()
		}
		mu.Lock()
		inside--
		mu.Unlock()
		return nil
	}}
	var wg sync.WaitGroup
	for range 4 {
		other := &Runner{Cache: r.Cache, Out: &out, Log: r.Log}
		wg.Go(func() {
			if err := other.Run(context.Background(), []Step{step}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most != 1 {
		t.Errorf("%d set-ups ran at once, want 1", most)
	}
}

func TestLockGivesUpWhenCancelled(t *testing.T) {
	var out output
	r := runner(t, &out)
	unlock, err := r.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other := &Runner{Cache: r.Cache, Out: &out}
	if _, err := other.lock(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("lock = %v, want context.Canceled", err)
	}
	if !strings.Contains(out.String(), "waiting for another set-up") {
		t.Errorf("nobody was told of the wait: %q", out.String())
	}
}
