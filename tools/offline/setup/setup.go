// Package setup runs the steps that make a cache folder ready, once.
//
// A step is idempotent and knows itself whether its result is there; setup adds order, a lock that keeps two callers
// apart, and progress: which step of how many, what it does, seconds, and megabytes that its folder holds. On a terminal the
// line of the running step is redrawn in place; elsewhere there is a line at a step's start, every 30 s, and at its end.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Step is one part of a set-up.
type Step struct {
	Name string                                         // "Bazel root"
	Dir  string                                         // folder whose size is shown; empty for none
	Run  func(ctx context.Context, log io.Writer) error // log is shown when the step fails
}

// Runner runs steps.
type Runner struct {
	Cache    string
	Out      io.Writer
	Terminal bool   // Out is a terminal: redraw instead of adding lines
	Log      string // file that keeps all steps' output

	mu sync.Mutex
}

// Run takes the cache's lock and runs the steps of each group in parallel, the groups one after the other. It returns the
// first group's errors, joined.
func (r *Runner) Run(ctx context.Context, groups ...[]Step) error {
	unlock, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	log, err := os.OpenFile(r.Log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	total, first := 0, 1
	for _, g := range groups {
		total += len(g)
	}
	for _, g := range groups {
		if err := r.group(ctx, g, first, total, log); err != nil {
			return err
		}
		first += len(g)
	}
	return nil
}

func (r *Runner) group(ctx context.Context, steps []Step, first, total int, log io.Writer) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i, s := range steps {
		wg.Go(func() { errs[i] = r.step(ctx, s, fmt.Sprintf("[%d/%d] %s", first+i, total, s.Name), log) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (r *Runner) step(ctx context.Context, s Step, title string, log io.Writer) error {
	start := time.Now()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { r.tick(title, s.Dir, start, done) })
	tail := &tail{}
	err := s.Run(ctx, io.MultiWriter(log, tail))
	close(done)
	wg.Wait()
	took := time.Since(start).Round(100 * time.Millisecond)
	if err != nil {
		r.print("%s: failed after %s\n%s", title, took, tail)
		return fmt.Errorf("%s: %w (all output: %s)", s.Name, err, r.Log)
	}
	r.print("%s: done, %s%s", title, took, size(s.Dir))
	return nil
}

func (r *Runner) tick(title, dir string, start time.Time, done <-chan struct{}) {
	every := 30 * time.Second
	if r.Terminal {
		every = time.Second
	} else {
		r.print("%s", title)
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			took := time.Since(start).Round(time.Second)
			if r.Terminal {
				r.draw("%s: %s%s", title, took, size(dir))
			} else {
				r.print("%s: %s%s", title, took, size(dir))
			}
		}
	}
}

func (r *Runner) print(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Terminal {
		fmt.Fprint(r.Out, "\r\x1b[K")
	}
	fmt.Fprintf(r.Out, format+"\n", args...)
}

// draw replaces the current line; the next print or draw overwrites it.
func (r *Runner) draw(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.Out, "\r\x1b[K"+format, args...)
}

// lock waits for the cache's lock; a caller that has to wait says so once.
func (r *Runner) lock(ctx context.Context) (func(), error) {
	path := filepath.Join(r.Cache, "setup.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("locking %q: %w", path, err)
		}
		if !said {
			r.print("waiting for another set-up of %s", r.Cache)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// size returns ", N MB" for a folder, or "" when it is not there.
func size(dir string) string {
	if dir == "" {
		return ""
	}
	if n := Size(dir); n > 0 {
		return fmt.Sprintf(", %d MB", n>>20)
	}
	return ""
}

// Size returns the bytes that dir's files occupy on disk; what cannot be read counts as nothing.
func Size(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				n += st.Blocks * 512
			}
		}
		return nil
	})
	return n
}

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > tailBytes {
		t.buf = append([]byte(nil), t.buf[len(t.buf)-tailBytes:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
