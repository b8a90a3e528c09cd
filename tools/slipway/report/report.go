// Package report keeps the ledger of a run and shows it: a table for a person, JSON for a program.
//
// The ledger counts what moved in each phase, as the packages that moved it measured it. It estimates nothing: a count
// that nobody measured is 0. Phases overlap (the cluster starts while images are pushed), so their seconds do not add up
// to the total.
//
// The JSON form is versioned. Within a version fields are added, never renamed or removed.
package report

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Version is the version of the JSON form.
const Version = 1

// Report is what a run did. Seconds are wall time, bytes are bytes.
type Report struct {
	Version        int       `json:"version"`
	Suite          string    `json:"suite"`                    // "//test/e2e:gateway"
	Destination    string    `json:"destination"`              // where the images went: "kind" or "registry"
	Reason         string    `json:"reason"`                   // of the decision, as printed
	Fallback       string    `json:"fallback,omitempty"`       // why a registry was left for kind; empty when it was not
	DryRun         bool      `json:"dryRun,omitempty"`         // counts are what would be moved
	Cluster        *Cluster  `json:"cluster,omitempty"`        // absent when the run did not get that far
	Images         []Image   `json:"images"`                   // in the plan's order
	Phases         []Phase   `json:"phases"`                   // in the order of their start
	Tests          *Tests    `json:"tests,omitempty"`          // absent when the run did not get that far
	Output         string    `json:"output,omitempty"`         // folder of logs and of what the test writes
	Seconds        float64   `json:"seconds"`                  // of the whole run
	FirstAssertion float64   `json:"firstAssertion,omitempty"` // seconds from the start of the run to the first test result
	ExitCode       int       `json:"exitCode"`
	Error          string    `json:"error,omitempty"`
	Started        time.Time `json:"started"`
}

// Cluster is the cluster that the run used.
type Cluster struct {
	Name   string `json:"name"`
	Reused bool   `json:"reused"`
	Kept   bool   `json:"kept"`
}

// Image is one delivered image.
type Image struct {
	Name      string `json:"name"`
	Reference string `json:"reference"` // by digest
}

// Moved is what a phase moved.
type Moved struct {
	Requests   int64 `json:"requests"`   // to a registry
	BytesIn    int64 `json:"bytesIn"`    // received from a registry
	BytesOut   int64 `json:"bytesOut"`   // sent to a registry, or to all nodes together
	LayerBytes int64 `json:"layerBytes"` // image layers among BytesOut
}

// Phase is one part of the run.
type Phase struct {
	Name    string  `json:"name"`
	Start   float64 `json:"start"` // seconds from the start of the run
	Seconds float64 `json:"seconds"`
	Moved
	Note  string `json:"note,omitempty"`
	State string `json:"state"` // "done", "failed", or "running" when the run ended before the phase
}

// Tests is the suite's result.
type Tests struct {
	Passed   int      `json:"passed"`
	Failed   int      `json:"failed"`
	Skipped  int      `json:"skipped"`
	Failures []string `json:"failures,omitempty"` // names
}

// Ledger collects a Report. It is safe for concurrent use.
type Ledger struct {
	now   func() time.Time
	start time.Time

	mu     sync.Mutex
	report Report
}

// NewLedger begins the run. now is the clock, time.Now when nil.
func NewLedger(now func() time.Time) *Ledger {
	if now == nil {
		now = time.Now
	}
	start := now()
	return &Ledger{now: now, start: start, report: Report{Version: Version, Started: start.UTC(), Images: []Image{}, Phases: []Phase{}}}
}

// Set changes what is not a phase.
func (l *Ledger) Set(change func(*Report)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.report)
}

// Elapsed is the time since the start of the run.
func (l *Ledger) Elapsed() time.Duration { return l.now().Sub(l.start) }

// Started is the time of the start of the run.
func (l *Ledger) Started() time.Time { return l.start }

// Begin begins a phase. The function that it returns ends it, and must be called once.
func (l *Ledger) Begin(name string) (end func(moved Moved, note string, err error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin := l.Elapsed()
	i := len(l.report.Phases)
	l.report.Phases = append(l.report.Phases, Phase{Name: name, Start: seconds(begin), State: "running"})
	return func(moved Moved, note string, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		p := &l.report.Phases[i]
		p.Seconds, p.Moved, p.Note, p.State = seconds(l.Elapsed()-begin), moved, note, "done"
		if err != nil {
			p.State = "failed"
		}
	}
}

// Finish is the report of a run that ends now.
func (l *Ledger) Finish(exitCode int, err error) Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Seconds, l.report.ExitCode = seconds(l.Elapsed()), exitCode
	if err != nil {
		l.report.Error = err.Error()
	}
	r := l.report
	r.Images = append([]Image{}, r.Images...)
	r.Phases = append([]Phase{}, r.Phases...)
	return r
}

// seconds keeps milliseconds.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// JSON writes the report as one indented object.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
