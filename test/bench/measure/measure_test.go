package measure

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fake plays a suite whose times are given.
type fake struct {
	times  map[string][]time.Duration // by competitor, one a round
	order  []string
	fail   error
	closed bool
}

func (f *fake) Round(_ context.Context, competitor string, r *Round) error {
	f.order = append(f.order, competitor)
	s := r.Add("unchanged", f.times[competitor][r.Number-1])
	s.Count("layer bytes", int64(r.Number)*1_000_000)
	s.Count("requests", 1234)
	return f.fail
}

func (f *fake) Close(context.Context) error {
	f.closed = true
	return nil
}

func (f *fake) suite() Suite {
	return Suite{
		Name: "push", Title: "Pushing", About: "What is pushed.", Conclusion: "So be it.",
		Competitors: []string{"slipway", "crane"}, Cases: []string{"unchanged"},
		Columns: []Column{{"layer bytes", Bytes}, {"requests", Plain}},
		Targets: []Target{
			Faster("unchanged", "slipway", "crane", 5),
			AtMost("unchanged", "slipway", Column{"layer bytes", Bytes}, 0).Because("It sends everything."),
			AtMost("unchanged", "slipway", Column{"requests", Plain}, 15).Because("It asks a lot."),
			AtMost("unchanged", "slipway", Column{"requests", Plain}, 1234).Because("Not shown."),
		},
		Open: func(context.Context, *Host) (Bench, error) { return f, nil },
	}
}

func host(t *testing.T) *Host {
	return &Host{Dir: t.TempDir(), Log: t.Logf}
}

func seconds2(values ...float64) []time.Duration {
	var times []time.Duration
	for _, v := range values {
		times = append(times, time.Duration(v*float64(time.Second)))
	}
	return times
}

func TestRunTakesTurns(t *testing.T) {
	f := &fake{times: map[string][]time.Duration{"slipway": seconds2(1, 1, 1), "crane": seconds2(2, 2, 2)}}
	if _, err := Run(t.Context(), f.suite(), host(t), 3); err != nil {
		t.Fatal(err)
	}
	want := []string{"slipway", "crane", "crane", "slipway", "slipway", "crane"}
	if diff := cmp.Diff(want, f.order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if !f.closed {
		t.Error("the suite is not closed")
	}
}

func TestRunStopsAndCloses(t *testing.T) {
	f := &fake{times: map[string][]time.Duration{"slipway": seconds2(1)}, fail: errors.New("no registry")}
	_, err := Run(t.Context(), f.suite(), host(t), 1)
	if want := `suite "push", round 1, slipway: no registry`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if !f.closed {
		t.Error("the suite is not closed")
	}
	s := f.suite()
	s.Cases = []string{"changed"}
	f.fail = nil
	if _, err := Run(t.Context(), s, host(t), 1); err == nil || !strings.Contains(err.Error(), `case "unchanged"`) {
		t.Errorf("error %v, want one of a case that is not declared", err)
	}
}

// The rounds' ratios are 10, 2 and 6. Of the medians, 4 and 6, it would be 1.5.
func TestRatioIsOfRounds(t *testing.T) {
	f := &fake{times: map[string][]time.Duration{"slipway": seconds2(1, 10, 4), "crane": seconds2(10, 20, 24)}}
	r, err := Run(t.Context(), f.suite(), host(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Spread{3, 6, 2, 10}, r.Ratio("unchanged", "crane", "slipway")); diff != "" {
		t.Errorf("ratio (-want +got):\n%s", diff)
	}
	if got := r.Ratio("unchanged", "crane", "nobody"); got.N != 0 {
		t.Errorf("ratio to nobody is %+v", got)
	}
}

func TestSpreadOf(t *testing.T) {
	tests := []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{1, 3, 3, 3}},
		{[]float64{9, 1}, Spread{2, 5, 1, 9}},
		{[]float64{9, 1, 2}, Spread{3, 2, 1, 9}},
		{[]float64{4, 1, 100, 2}, Spread{4, 3, 1, 100}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, SpreadOf(test.values)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.values, diff)
		}
	}
	values := []float64{2, 1}
	if SpreadOf(values); values[0] != 2 {
		t.Error("the argument is sorted")
	}
}

func TestTargets(t *testing.T) {
	r := &Result{Rounds: 1, Columns: []Column{{"bytes", Bytes}}, Samples: []Sample{
		{Round: 1, Case: "1 node", Competitor: "slipway", Seconds: 1, Counts: map[string]int64{"bytes": 1500}},
		{Round: 1, Case: "1 node", Competitor: "kind", Seconds: 9.9999},
		{Round: 1, Case: "3 nodes", Competitor: "slipway", Seconds: 1.5001},
	}}
	tests := []struct {
		target Target
		got    string
		met    bool
	}{
		{Faster("1 node", "slipway", "kind", 10), "9.99× (9.99–9.99)", false},
		{Faster("1 node", "slipway", "kind", 9.9), "9.99× (9.99–9.99)", true},
		{Faster("3 nodes", "slipway", "kind", 1), "not measured", false},
		{Growth("slipway", "3 nodes", "1 node", 1.5), "1.51× (1.51–1.51)", false},
		{Growth("slipway", "3 nodes", "1 node", 1.6), "1.51× (1.51–1.51)", true},
		{Growth("kind", "3 nodes", "1 node", 2), "not measured", false},
		{AtMost("1 node", "slipway", Column{"bytes", Bytes}, 1499), "1.5 kB at the most", false},
		{AtMost("1 node", "slipway", Column{"bytes", Bytes}, 1500), "1.5 kB at the most", true},
		{AtMost("1 node", "kind", Column{"bytes", Bytes}, 1500), "not measured", false},
	}
	for _, test := range tests {
		got, met := test.target.Judge(r)
		if got != test.got || met != test.met {
			t.Errorf("%s: %s, %t; want %s, %t", test.target.Text, got, met, test.got, test.met)
		}
	}
}
