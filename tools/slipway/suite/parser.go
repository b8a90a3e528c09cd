package suite

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// marker precedes each line that package testing itself writes under -test.v=test2json
// (https://pkg.go.dev/cmd/test2json); it may follow unfinished output of a test on the same line.
const marker = 0x16

// noTests is what package testing says of a filter that matches no test, or only tests none of whose subtests it matches.
const noTests = "testing: warning: no tests to run"

var (
	startLine  = regexp.MustCompile(`^=== RUN +(\S+)`)
	resultLine = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(`)
)

// parser is the binary's stdout: it hands the output on without the markers and collects the marked results.
// It is used from one goroutine.
type parser struct {
	out     io.Writer
	elapsed func() time.Duration
	framed  bool   // the pending line began with a marker
	pending []byte // the marked line so far, or the beginning of an unmarked one
	none    bool   // the binary said noTests
	order   []string
	status  map[string]string // "" while the test runs
	first   time.Duration
}

func newParser(out io.Writer, elapsed func() time.Duration) *parser {
	if out == nil {
		out = io.Discard
	}
	return &parser{out: out, elapsed: elapsed, status: map[string]string{}}
}

// Write streams p's bytes through at once, so that a test's unfinished line is seen while it runs.
func (p *parser) Write(data []byte) (int, error) {
	total := len(data)
	for len(data) > 0 {
		next := bytes.IndexAny(data, "\n\x16")
		if next < 0 {
			return total, p.take(data)
		}
		if err := p.take(data[:next]); err != nil {
			return 0, err
		}
		end := data[next]
		data = data[next+1:]
		p.endLine()
		if end == marker {
			p.framed = true
			continue
		}
		if _, err := p.out.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// Close ends the last line.
func (p *parser) Close() { p.endLine() }

func (p *parser) take(part []byte) error {
	keep := part
	if !p.framed { // enough to tell it from noTests
		keep = part[:min(len(part), len(noTests)+1-len(p.pending))]
	}
	p.pending = append(p.pending, keep...)
	if len(part) == 0 {
		return nil
	}
	_, err := p.out.Write(part)
	return err
}

func (p *parser) endLine() {
	if p.framed {
		p.line(p.pending)
	} else if string(p.pending) == noTests {
		p.none = true
	}
	p.framed, p.pending = false, p.pending[:0]
}

func (p *parser) line(line []byte) {
	if m := startLine.FindSubmatch(line); m != nil {
		p.set(string(m[1]), "")
	}
	if m := resultLine.FindSubmatch(line); m != nil {
		p.set(string(m[2]), string(m[1]))
		if p.first == 0 {
			p.first = p.elapsed()
		}
	}
}

func (p *parser) set(name, status string) {
	if _, known := p.status[name]; !known {
		p.order = append(p.order, name)
	}
	p.status[name] = status
}

// result counts leaves. A test that failed by itself although its subtests passed is named and counted too, so that a
// failure is never hidden by green subtests.
func (p *parser) result() Result {
	r := Result{FirstAssertion: p.first}
	for _, name := range p.order {
		status := p.status[name]
		switch leaf := !p.hasChild(name, nil); {
		case status == "PASS" && leaf:
			r.Passed++
		case status == "SKIP" && leaf:
			r.Skipped++
		case status == "PASS" || status == "SKIP":
		case leaf || !p.hasChild(name, []string{"FAIL", ""}):
			r.Failed++
			r.Failures = append(r.Failures, name)
		}
	}
	if p.none { // what passed is tests without the subtests that are their assertions
		r.Passed, r.FirstAssertion = 0, 0
	}
	return r
}

// hasChild reports whether name has a subtest with one of the statuses; nil is any.
func (p *parser) hasChild(name string, statuses []string) bool {
	return slices.ContainsFunc(p.order, func(other string) bool {
		return strings.HasPrefix(other, name+"/") && (statuses == nil || slices.Contains(statuses, p.status[other]))
	})
}
