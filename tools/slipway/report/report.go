// Package report keeps the ledger of a run and shows it: a table for a person, JSON for a program.
//
// The ledger counts what moved in each phase, as the packages that moved it measured it. It estimates nothing: a count
// that nobody measured is 0, and disk that nobody looked at is absent. Phases overlap (the cluster starts while images are
// pushed), so their seconds do not add up to the total. What ran before slipway (set-up and build) has negative times.
//
// Disk is what the free space of all file systems fell by since the count's start, at the start of a phase, at its peak, and at its
// end. Machines share their disks: what other programs write meanwhile is in it. See package disk for what looking costs.
//
// The JSON form is versioned. Within a version fields are added, never renamed or removed.
package report

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
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
	Parts          []Part    `json:"parts"`                    // the phases summed up, see Parts
	Suites         []Suite   `json:"suites"`                   // slowest first
	Tests          *Tests    `json:"tests,omitempty"`          // of all suites; absent when no test ran
	Memory         *Memory   `json:"memory,omitempty"`         // absent when the machine does not tell
	Disk           *Disk     `json:"disk,omitempty"`           // absent when nobody looked
	Output         string    `json:"output,omitempty"`         // folder of logs and of what the test writes
	Seconds        float64   `json:"seconds"`                  // of the whole run, without what was before it
	Before         float64   `json:"beforeSeconds,omitempty"`  // of set-up and build, before the run
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
	Part    string  `json:"part,omitempty"`  // see Parts
	Suite   string  `json:"suite,omitempty"` // absent when it is for all suites
	Start   float64 `json:"start"`           // seconds from the start of the run; negative before it
	Seconds float64 `json:"seconds"`
	Moved
	Network *Network `json:"network,omitempty"` // absent when nobody looked
	Disk    *Use     `json:"disk,omitempty"`    // absent when nobody looked
	Note    string   `json:"note,omitempty"`
	State   string   `json:"state"` // Done, Failing, or Running when the run ended before the phase
}

// The states of a phase.
const (
	Running = "running"
	Done    = "done"
	Failing = "failed"
)

// The states of a suite.
const (
	Passed      = "passed"
	Failed      = "failed"
	Interrupted = "interrupted" // the run ended while it ran
	NotRun      = "not run"     // the run ended before
)

// Suite is what one suite did.
type Suite struct {
	Suite          string  `json:"suite"` // "//test/e2e:gateway"
	Name           string  `json:"name"`  // "gateway"
	Namespace      string  `json:"namespace"`
	State          string  `json:"state"`
	DeploySeconds  float64 `json:"deploySeconds"`
	TestSeconds    float64 `json:"testSeconds"`
	Tests          *Tests  `json:"tests,omitempty"`          // absent when the tests did not start
	FirstAssertion float64 `json:"firstAssertion,omitempty"` // seconds from the start of the run
	Error          string  `json:"error,omitempty"`
	Output         string  `json:"output,omitempty"` // folder
}

// seconds is what the suite took.
func (s Suite) seconds() float64 { return s.DeploySeconds + s.TestSeconds }

// Memory is what the whole machine used, other programs included.
type Memory struct {
	BeforeBytes int64 `json:"beforeBytes"` // at the start of the run
	PeakBytes   int64 `json:"peakBytes"`   // the most that a look at every half second saw
	TotalBytes  int64 `json:"totalBytes"`  // what the machine has
}

// Tests are results of tests.
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

	mu       sync.Mutex
	report   Report
	began    []Network // what had been carried when each phase of the report began
	watching Watching  // without Look nobody looks at the machine
}

// NewLedger begins the run. now is the clock, time.Now when nil.
func NewLedger(now func() time.Time) *Ledger {
	if now == nil {
		now = time.Now
	}
	start := now()
	return &Ledger{now: now, start: start, report: Report{
		Version: Version, Started: start.UTC(), Images: []Image{}, Phases: []Phase{}, Parts: []Part{}, Suites: []Suite{},
	}}
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

// Begin begins a phase of all suites. The function that it returns ends it, and must be called once.
func (l *Ledger) Begin(name string) (end func(moved Moved, note string, err error)) {
	return l.BeginSuite("", name)
}

// BeginSuite begins a phase of one suite.
func (l *Ledger) BeginSuite(suite, name string) (end func(moved Moved, note string, err error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	begin := l.Elapsed()
	i := len(l.report.Phases)
	p := Phase{Name: name, Part: PartOf(name), Suite: suite, Start: seconds(begin), State: Running}
	var first Sample
	if l.watching.Look != nil {
		first = l.watching.Look()
		peak := first.DiskBytes
		p.Disk = &Use{first.DiskBytes, &peak, first.DiskBytes}
	}
	l.report.Phases, l.began = append(l.report.Phases, p), append(l.began, first.Network)
	if l.watching.Look != nil {
		l.see(first)
	}
	return func(moved Moved, note string, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		p := &l.report.Phases[i]
		if l.watching.Look != nil {
			last := l.watching.Look()
			l.see(last)
			if l.watching.Network {
				carried := last.Network.sub(first.Network)
				p.Network = &carried
			}
		}
		p.Seconds, p.Moved, p.Note, p.State = seconds(l.Elapsed()-begin), moved, note, Done
		if err != nil {
			p.State = Failing
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
	for i := range r.Phases {
		if p := &r.Phases[i]; p.State == Running {
			p.Seconds = round(r.Seconds - p.Start)
		}
	}
	r.Parts = parts(r.Phases, l.began)
	r.Suites = append([]Suite{}, r.Suites...)
	slices.SortStableFunc(r.Suites, func(a, b Suite) int { return cmp.Compare(b.seconds(), a.seconds()) })
	r.add()
	return r
}

// add sums the suites up. With several of them, names of failures begin with the suite's.
func (r *Report) add() {
	for _, s := range r.Suites {
		if s.FirstAssertion > 0 && (r.FirstAssertion == 0 || s.FirstAssertion < r.FirstAssertion) {
			r.FirstAssertion = s.FirstAssertion
		}
		if s.Tests == nil {
			continue
		}
		if r.Tests == nil {
			r.Tests = &Tests{}
		}
		r.Tests.Passed += s.Tests.Passed
		r.Tests.Failed += s.Tests.Failed
		r.Tests.Skipped += s.Tests.Skipped
		for _, name := range s.Tests.Failures {
			if len(r.Suites) > 1 {
				name = s.Name + ": " + name
			}
			r.Tests.Failures = append(r.Tests.Failures, name)
		}
	}
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
