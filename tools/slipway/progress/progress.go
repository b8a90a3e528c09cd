// Package progress tells a person what is going on, on stderr: live bars on a terminal, one plain line for each finished
// step elsewhere, so that a CI log stays readable.
//
// A running step is a bar; a finished one becomes the same plain line in both forms. Errors are not printed here, package
// cli prints them once. Results do not belong here either, they go to stdout.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Reporter shows steps. It is safe for concurrent use.
type Reporter interface {
	// Step begins a step. totalBytes is what Add will sum up to; 0 is unknown and shows a spinner.
	Step(name string, totalBytes int64) Step
	// Line prints one plain line, above the bars.
	Line(format string, args ...any)
}

// Step is one running step. It ends with the first Done or Fail; what comes later is ignored.
type Step interface {
	Add(bytes int64)     // moved since the last call; negative after a retry
	Done(summary string) // may be empty
	Fail(err error)      // err is reported elsewhere; nil is an interruption
}

// Options are how a Display looks. The zero value is plain lines without colour.
type Options struct {
	Terminal bool             // live bars
	Color    bool             // false when NO_COLOR is set, https://no-color.org
	Now      func() time.Time // time.Now when nil
}

// Display is a Reporter on a stream.
type Display struct {
	options Options
	live    *live // nil without a terminal

	mu sync.Mutex
	w  io.Writer
}

// New shows steps on w, which nobody else should write to while bars are live; Line is for that.
func New(w io.Writer, options Options) *Display {
	if options.Now == nil {
		options.Now = time.Now
	}
	d := &Display{options: options, w: w}
	if options.Terminal {
		d.live = newLive(w)
	}
	return d
}

// Discard shows nothing.
func Discard() Reporter { return New(io.Discard, Options{}) }

// Close clears what is left of the bars and stops drawing. Later lines are plain.
func (d *Display) Close() {
	if d.live != nil {
		d.live.close()
	}
}

// Line implements Reporter.
func (d *Display) Line(format string, args ...any) {
	line := strings.TrimRight(fmt.Sprintf(format, args...), "\n") + "\n"
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.live != nil && d.live.write(line) {
		return
	}
	io.WriteString(d.w, line)
}

// Step implements Reporter.
func (d *Display) Step(name string, totalBytes int64) Step {
	s := &step{display: d, name: name, start: d.options.Now()}
	if d.live != nil {
		s.bar = d.live.bar(name, totalBytes)
	}
	return s
}

type step struct {
	display *Display
	name    string
	start   time.Time
	bar     *bar // nil without a terminal
	once    sync.Once
}

func (s *step) Add(bytes int64) {
	if s.bar != nil {
		s.bar.add(bytes)
	}
}

func (s *step) Done(summary string) { s.end(summary, "32") }

func (s *step) Fail(error) { s.end("stopped", "31") }

// end prints the step's line: "push gateway: 1 blob, 5.8 MB (0.2 s)".
func (s *step) end(summary, color string) {
	s.once.Do(func() {
		if s.bar != nil {
			s.bar.end()
		}
		name := s.name
		if s.display.options.Color {
			name = "\x1b[" + color + "m" + name + "\x1b[0m"
		}
		if summary != "" {
			summary = " " + summary
		}
		s.display.Line("%s:%s (%s)", name, summary, Seconds(s.display.options.Now().Sub(s.start)))
	})
}
