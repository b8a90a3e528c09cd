// Package schedule makes GitHub's matrix of suites: each with the minutes that it took last time, the longest first, so that
// with fewer runners than suites the last one to start is a short one.
//
// Minutes are from the ledgers that slipway wrote (report.Report, `--report=FILE`). A suite of a run of its own takes what
// that run took; one of a run of several takes its own deployment and tests, and what the run did before the first suite.
// Of several ledgers the newest one counts in which the suite passed: a failure says little about how long success takes.
package schedule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// Unknown is what a suite without a ledger is taken to need, in minutes: as long as it may run (e2e_suite's time_limit), so that
// it starts early.
const Unknown = 10

// Matrix is GitHub's strategy.matrix.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrix
type Matrix struct {
	Include []Job `json:"include"` // never null; GitHub refuses a matrix without jobs
}

// Job is one suite.
type Job struct {
	Suite   string  `json:"suite"`
	Minutes float64 `json:"minutes"` // expected, a tenth is the unit
}

// Ledgers are expectations.
type Ledgers struct {
	minutes map[string]expected
}

type expected struct {
	minutes float64
	newest  int64 // start of the run, in seconds since 1970
}

// Add reads a ledger; name is for the message.
func (l *Ledgers) Add(name string, r io.Reader) error {
	var ledger report.Report
	if err := json.NewDecoder(r).Decode(&ledger); err != nil {
		return fault.New(fault.Usage, fmt.Errorf("reading the ledger %q: %w", name, err), "tools/bazelw run //test/e2e:all -- --report=ledger.json")
	}
	if ledger.Version != report.Version {
		return fault.New(fault.Usage, fmt.Errorf("reading the ledger %q: it has version %d, want %d", name, ledger.Version, report.Version),
			"tools/bazelw run //test/e2e:all -- --report=ledger.json")
	}
	if l.minutes == nil {
		l.minutes = map[string]expected{}
	}
	for _, s := range ledger.Suites {
		now := expected{inMinutes(duration(ledger, s)), ledger.Started.Unix()}
		if before, known := l.minutes[s.Name]; s.State == report.Passed && !ledger.DryRun && (!known || before.newest <= now.newest) {
			l.minutes[s.Name] = now
		}
	}
	return nil
}

// duration is what the suite would take alone, in seconds.
func duration(r report.Report, s report.Suite) float64 {
	if len(r.Suites) == 1 {
		return r.Seconds
	}
	before := 0.0
	for _, p := range r.Phases {
		if p.Suite != "" && (before == 0 || p.Start < before) {
			before = p.Start
		}
	}
	return max(0, before) + s.DeploySeconds + s.TestSeconds
}

// inMinutes rounds up to tenths.
func inMinutes(seconds float64) float64 { return max(0.1, math.Ceil(seconds/6)/10) }

// Matrix orders the suites; one that is named twice runs once.
func (l *Ledgers) Matrix(suites []string) (Matrix, error) {
	m := Matrix{Include: []Job{}}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(suites))) {
		if !suiteName.MatchString(name) {
			return m, fault.New(fault.Usage, fmt.Errorf("listing suite %q: a suite's name has lower-case letters, digits and dashes", name), "tools/bazelw run //tools/ci -- matrix gateway")
		}
		job := Job{name, Unknown}
		if e, known := l.minutes[name]; known {
			job.Minutes = e.minutes
		}
		m.Include = append(m.Include, job)
	}
	slices.SortStableFunc(m.Include, func(a, b Job) int { return cmp.Compare(b.Minutes, a.Minutes) })
	return m, nil
}

// suiteName has nothing that a shell looks at: a workflow puts it into a command.
var suiteName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
