// Package measure compares ways to do one job, in one run on one machine.
//
// A suite has competitors, the first of them ours, and cases. In each round every competitor does all cases once; who begins
// changes from round to round, so that no one always finds the page cache warm or the machine busy. Times are compared
// within a round: a ratio is the median of the rounds' ratios, which a machine that is slower for a minute does not move.
// What can be counted (bytes, requests, disk) is counted beside the time.
//
// A suite's targets are judged from the medians. A target that is missed is shown with the figure and with the suite's
// reason for it; nothing rounds in its favour.
//
// A new suite is a package beside this one with a func Suite() measure.Suite, and a line in test/bench's main.go:
//
//	func Suite() measure.Suite {
//		return measure.Suite{
//			Name: "push", Title: "Pushing ten images", About: "…",
//			Competitors: []string{"slipway", "crane"}, Cases: []string{"unchanged"},
//			Columns: []measure.Column{{Name: "requests"}, {Name: "layer bytes", Unit: measure.Bytes}},
//			Targets: []measure.Target{
//				measure.Faster("unchanged", "slipway", "crane", 5),
//				measure.AtMost("unchanged", "slipway", measure.Column{Name: "requests"}, 15),
//			},
//			Open: open,
//		}
//	}
//
//	func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
//		… // bring everything into the case's first state; not measured
//		s, err := r.Time("unchanged", func() error { return b.push[competitor](ctx) })
//		s.Count("requests", b.registry.Requests())
//		return err
//	}
//
// Non-goals: profiles, micro-benchmarks (go test -bench has them), comparing runs of different machines.
package measure

import (
	"context"
	"fmt"
	"time"
)

// Unit is how a count is shown.
type Unit string

// The units of counts. Times are in seconds and have their own column.
const (
	Plain Unit = ""      // "15"
	Bytes Unit = "bytes" // "206.0 MB", decimal
)

// Column is one thing that is counted.
type Column struct {
	Name string `json:"name"` // "layer bytes"
	Unit Unit   `json:"unit,omitempty"`
}

// Suite is one comparison. All texts are Markdown.
type Suite struct {
	Name        string   // "load": the value of --suite, and the name of its section's markers
	Title       string   // heading of its section
	About       string   // what is compared, and how; paragraphs
	Competitors []string // in the order of the tables, ours first
	Cases       []string // in the order of the tables
	Columns     []Column // of counts; a cell that nobody counted is empty
	Targets     []Target // may be empty
	Rounds      int      // that a figure needs to be written into a document; 0 is MinRounds
	Conclusion  string   // paragraphs below the tables: what follows from the figures; may be empty

	// Open prepares what all rounds share. What it leaves behind after an error it cleans up itself.
	Open func(ctx context.Context, host *Host) (Bench, error)
}

// Bench is a suite that is prepared to run.
type Bench interface {
	// Round lets one competitor do all cases once. It brings everything into the state that the competitor starts from.
	// A case that the competitor does not have is left out.
	Round(ctx context.Context, competitor string, r *Round) error
	// Close removes what Open made. It works when ctx has ended.
	Close(ctx context.Context) error
}

// Host is what a suite gets of the machine.
type Host struct {
	Dir   string                                 // for files of this run; removed at its end
	State string                                 // kept from run to run: leases of clusters
	File  func(rlocation string) (string, error) // finds a runfile: "_main/services/gateway/image"
	Log   func(format string, args ...any)       // one line to the person who waits
	facts []Fact
}

// Fact is one line about the machine or a program that was measured.
type Fact struct {
	Name  string `json:"name"`  // "containerd"
	Value string `json:"value"` // "1.6.20"
}

// Fact adds a line to the facts of the report. A name that is there is replaced. It is called before the first round.
func (h *Host) Fact(name, value string) {
	for i := range h.facts {
		if h.facts[i].Name == name {
			h.facts[i].Value = value
			return
		}
	}
	h.facts = append(h.facts, Fact{name, value})
}

// Sample is one competitor's one case in one round.
type Sample struct {
	Round      int              `json:"round"` // from 1
	Case       string           `json:"case"`
	Competitor string           `json:"competitor"`
	Seconds    float64          `json:"seconds"`
	Counts     map[string]int64 `json:"counts,omitempty"` // by column
}

// Count notes what was counted in a column. It may be called after the time was taken.
func (s *Sample) Count(column string, n int64) {
	if s.Counts == nil {
		s.Counts = map[string]int64{}
	}
	s.Counts[column] = n
}

// Round collects the samples of one competitor in one round. It is not safe for concurrent use.
type Round struct {
	Number     int // from 1
	Competitor string
	samples    []*Sample
}

// Time measures do as the competitor's time for the case. The sample is never nil; with an error it does not count.
func (r *Round) Time(name string, do func() error) (*Sample, error) {
	start := time.Now()
	err := do()
	s := r.Add(name, time.Since(start))
	if err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Add notes a time that was measured elsewhere, or that is the sum of several.
func (r *Round) Add(name string, took time.Duration) *Sample {
	s := &Sample{Round: r.Number, Case: name, Competitor: r.Competitor, Seconds: took.Seconds()}
	r.samples = append(r.samples, s)
	return s
}
