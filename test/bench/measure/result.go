package measure

import (
	"fmt"
	"slices"
	"time"
)

// Result is one run of a suite, and its JSON.
type Result struct {
	Suite    string    `json:"suite"`
	Started  time.Time `json:"started"`
	Rounds   int       `json:"rounds"`
	Facts    []Fact    `json:"facts"`
	Columns  []Column  `json:"columns"`
	Samples  []Sample  `json:"samples"`
	Verdicts []Verdict `json:"verdicts"`
}

// Seconds are the competitor's times for the case, over all rounds.
func (r *Result) Seconds(name, competitor string) Spread {
	return r.collect(name, competitor, func(s Sample) (float64, bool) { return s.Seconds, true })
}

// Count is what the competitor's case counted in the column, over all rounds.
func (r *Result) Count(name, competitor, column string) Spread {
	return r.collect(name, competitor, func(s Sample) (float64, bool) {
		n, ok := s.Counts[column]
		return float64(n), ok
	})
}

func (r *Result) collect(name, competitor string, value func(Sample) (float64, bool)) Spread {
	var values []float64
	for _, s := range r.Samples {
		if s.Case != name || s.Competitor != competitor {
			continue
		}
		if v, ok := value(s); ok {
			values = append(values, v)
		}
	}
	return SpreadOf(values)
}

// Ratio is how many times as long as the other the competitor took, round by round. Rounds that lack one of them are left out.
func (r *Result) Ratio(name, competitor, other string) Spread {
	return r.ratio(name, competitor, name, other)
}

// CaseRatio is how many times as long as the other case one took, for one competitor, round by round.
func (r *Result) CaseRatio(competitor, name, other string) Spread {
	return r.ratio(name, competitor, other, competitor)
}

func (r *Result) ratio(caseA, a, caseB, b string) Spread {
	var ratios []float64
	for round := 1; round <= r.Rounds; round++ {
		x, okX := r.seconds(round, caseA, a)
		y, okY := r.seconds(round, caseB, b)
		if okX && okY && y > 0 {
			ratios = append(ratios, x/y)
		}
	}
	return SpreadOf(ratios)
}

func (r *Result) seconds(round int, name, competitor string) (float64, bool) {
	for _, s := range r.Samples {
		if s.Round == round && s.Case == name && s.Competitor == competitor {
			return s.Seconds, true
		}
	}
	return 0, false
}

// Spread is the middle and the ends of some values. The zero value is that of none.
type Spread struct {
	N                int
	Median, Min, Max float64
}

// SpreadOf does not change its argument. The median of an even number of values is the mean of the middle two.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{N: n, Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1]}
}

// Target is something that a suite promises.
type Target struct {
	Text   string // "unchanged: slipway at least 10 times faster than kind load"
	Reason string // why it is missed where it is, and what would be needed; shown only then
	Judge  func(r *Result) (got string, met bool)
}

// Verdict is a target held against a run.
type Verdict struct {
	Text   string `json:"text"`
	Got    string `json:"got"`
	Met    bool   `json:"met"`
	Reason string `json:"reason,omitempty"` // of a target that was missed
}

// Because sets the target's reason.
func (t Target) Because(reason string) Target {
	t.Reason = reason
	return t
}

// Faster wants the other to take at least so many times as long.
func Faster(name, competitor, other string, times float64) Target {
	return Target{
		Text: fmt.Sprintf("%s: %s at least %g× faster than %s", name, competitor, times, other),
		Judge: func(r *Result) (string, bool) {
			ratio := r.Ratio(name, other, competitor)
			return atLeast(ratio), ratio.N > 0 && ratio.Median >= times
		},
	}
}

// Growth wants a case to take at most so many times as long as another case of the same competitor.
func Growth(competitor, name, other string, times float64) Target {
	return Target{
		Text: fmt.Sprintf("%s: %q takes at most %g× as long as %q", competitor, name, times, other),
		Judge: func(r *Result) (string, bool) {
			ratio := r.CaseRatio(competitor, name, other)
			return atMost(ratio), ratio.N > 0 && ratio.Median <= times
		},
	}
}

// AtMost wants a count of no more than limit, in every round.
func AtMost(name, competitor string, column Column, limit int64) Target {
	return Target{
		Text: fmt.Sprintf("%s: %s at most %s of %s", name, column.Name, column.text(float64(limit)), competitor),
		Judge: func(r *Result) (string, bool) {
			count := r.Count(name, competitor, column.Name)
			if count.N == 0 {
				return "not measured", false
			}
			return column.text(count.Max) + " at the most", count.Max <= float64(limit)
		},
	}
}

func (r *Result) judge(s Suite) {
	r.Verdicts = nil
	for _, t := range s.Targets {
		v := Verdict{Text: t.Text}
		if v.Got, v.Met = t.Judge(r); !v.Met {
			v.Reason = t.Reason
		}
		r.Verdicts = append(r.Verdicts, v)
	}
}
