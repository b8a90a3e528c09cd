package report_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// hand is a clock that is set by hand.
type hand struct{ at time.Time }

func (h *hand) now() time.Time { return h.at }

func (h *hand) sleep(s int) { h.at = h.at.Add(time.Duration(s) * time.Second) }

// Suites that run at the same time do not make their part longer than it was, nor what they saw of disk and network more than there was.
// What passes between them is nobody's.
func TestPartsOfPhasesThatOverlap(t *testing.T) {
	h := &hand{time.Unix(1000, 0)}
	l := report.NewLedger(h.now)
	var taken int64
	l.Watch(report.Watching{Since: "run", Network: true, Look: func() report.Sample {
		return report.Sample{DiskBytes: taken, Network: report.Network{InBytes: 2 * taken}}
	}})
	a := l.BeginSuite("a", "test")
	h.sleep(2)
	taken = 100
	b := l.BeginSuite("b", "test")
	h.sleep(3)
	l.See(report.Sample{DiskBytes: 500})
	taken = 200
	a(report.Moved{}, "", nil)
	h.sleep(4)
	b(report.Moved{}, "", nil)
	h.sleep(10)
	taken = 210
	c := l.BeginSuite("c", "test")
	h.sleep(1)
	taken = 225
	c(report.Moved{BytesOut: 7}, "", nil)
	r := l.Finish(0, nil)
	peak := int64(500)
	want := []report.Part{{
		Name: "test", Seconds: 10, Moved: report.Moved{BytesOut: 7}, State: report.Done,
		Network: &report.Network{InBytes: 430}, Disk: &report.Use{PeakBytes: &peak, EndBytes: 225},
	}}
	if d := cmp.Diff(want, r.Parts); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}
	if d := r.Disk; d.PeakBytes != 500 || d.PeakAt != 5 || d.PeakPhase != "test of b" || d.EndBytes != 225 {
		t.Errorf("got peak %d at %v in %q, end %d", d.PeakBytes, d.PeakAt, d.PeakPhase, d.EndBytes)
	}
}

// A part ends with what the last of its phases to end saw, which need not be the last to begin.
func TestPartEndsWithItsLastPhase(t *testing.T) {
	h := &hand{time.Unix(1000, 0)}
	l := report.NewLedger(h.now)
	var taken int64
	l.Watch(report.Watching{Since: "run", Look: func() report.Sample { return report.Sample{DiskBytes: taken} }})
	long := l.BeginSuite("long", "test")
	h.sleep(1)
	short := l.BeginSuite("short", "test")
	h.sleep(1)
	taken = 100
	short(report.Moved{}, "", nil)
	h.sleep(1)
	taken = 300
	long(report.Moved{}, "", nil)
	if got := l.Finish(0, nil).Parts[0].Disk.EndBytes; got != 300 {
		t.Errorf("got %d bytes at the part's end, want 300", got)
	}
}

// A phase that the run's end cuts off lasts until then.
func TestPhaseThatDoesNotEnd(t *testing.T) {
	h := &hand{time.Unix(1000, 0)}
	l := report.NewLedger(h.now)
	h.sleep(1)
	l.Begin("load")
	h.sleep(5)
	r := l.Finish(130, nil)
	want := []report.Part{{Name: "delivery", Start: 1, Seconds: 5, State: report.Running}}
	if d := cmp.Diff(want, r.Parts); d != "" {
		t.Errorf("parts (-want +got):\n%s", d)
	}
}

// Hours of samples stay a small file, which has the peak.
func TestSamplesOfALongRun(t *testing.T) {
	h := &hand{time.Unix(1000, 0)}
	l := report.NewLedger(h.now)
	l.Watch(report.Watching{Look: func() report.Sample { return report.Sample{} }})
	for i := range 20_000 {
		h.sleep(1)
		s := report.Sample{DiskBytes: int64(i % 50)}
		if i == 7777 {
			s.DiskBytes = 1000
		}
		l.See(s)
	}
	got := l.Finish(0, nil).Disk
	highest := report.Sample{}
	for _, s := range got.Samples {
		if s.DiskBytes > highest.DiskBytes {
			highest = s
		}
	}
	if d := cmp.Diff(report.Sample{At: 7778, DiskBytes: 1000}, highest); d != "" {
		t.Errorf("highest sample (-want +got):\n%s", d)
	}
	if n := len(got.Samples); n > 500 || n < 200 || got.Samples[n-1].At != 20_000 || got.Samples[0].At != 0 {
		t.Errorf("got %d samples from %v to %v", n, got.Samples[0].At, got.Samples[n-1].At)
	}
}
