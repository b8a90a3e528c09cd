package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// Table writes the report for a person.
func (r Report) Table(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Suite, r.verdict())
	r.phases(&b)
	if len(r.Suites) > 1 {
		r.suites(&b)
	}
	r.disk(&b)
	if m := r.Memory; m != nil {
		fmt.Fprintf(&b, "  memory of the machine: %s at most, %s at the start, of %s\n", progress.Bytes(m.PeakBytes), progress.Bytes(m.BeforeBytes), progress.Bytes(m.TotalBytes))
	}
	_, err := io.WriteString(w, trimLines(b.String()))
	return err
}

func (r Report) phases(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	head := "  phase\ttime\trequests\treceived\tsent\tlayers\t"
	if r.Disk != nil {
		head += "disk\tpeak\t"
	}
	fmt.Fprintln(t, head+"note")
	var total Moved
	for _, p := range r.Phases {
		if p.Suite != "" && len(r.Suites) > 1 {
			continue // the suites have a table of their own
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s%s\n", p.Name, wall(p.Seconds), p.counts(), r.used(p.Disk), p.remark())
		total.Requests += p.Requests
		total.BytesIn += p.BytesIn
		total.BytesOut += p.BytesOut
		total.LayerBytes += p.LayerBytes
	}
	fmt.Fprintf(t, "  total\t%s\t%s\t%s%s\n", wall(r.Before+r.Seconds), total.columns(), r.used(r.Disk.use()), r.remark())
	t.Flush()
}

// use is the whole run's.
func (d *Disk) use() *Use {
	if d == nil || len(d.Samples) == 0 {
		return nil
	}
	return &Use{min(0, d.Samples[0].DiskBytes), &d.PeakBytes, d.EndBytes}
}

// used are the columns of the disk, if the report has any: what was added, and the peak since the count's start.
func (r Report) used(u *Use) string {
	switch {
	case r.Disk == nil:
		return ""
	case u == nil:
		return "-\t-\t"
	}
	return signed(u.added()) + "\t" + u.peak() + "\t"
}

func (u *Use) added() int64 { return u.EndBytes - u.StartBytes }

func (u *Use) peak() string {
	if u.PeakBytes == nil {
		return "not sampled"
	}
	return progress.Bytes(*u.PeakBytes)
}

func signed(n int64) string {
	if n > 0 {
		return "+" + progress.Bytes(n)
	}
	return progress.Bytes(n)
}

// counts are "-" for what ran where nobody counts.
func (p Phase) counts() string {
	if p.uncounted() {
		return "-\t-\t-\t-"
	}
	return p.Moved.columns()
}

// uncounted is true for what ran before slipway: its requests are others'.
func (p Phase) uncounted() bool { return p.Start < 0 }

// disk is one line for the whole, one for each folder that grew or is not known.
func (r Report) disk(b *strings.Builder) {
	d := r.Disk
	if d == nil {
		return
	}
	fmt.Fprintf(b, "  disk of the machine since %s: %s\n", d.Since, d.sentence())
	if len(d.Folders) == 0 {
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  folder\tstart\tpeak\tend\tnote")
	for _, f := range d.Folders {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", f.Name, f.Start, f.Peak, f.End, f.Reason)
	}
	t.Flush()
}

func (d *Disk) sentence() string {
	text := signed(d.PeakBytes) + " at most"
	if d.PeakPhase != "" {
		text += " (" + d.PeakPhase + ")"
	}
	text += ", " + signed(d.EndBytes) + " at the end"
	if d.BudgetBytes > 0 {
		text += ", budget " + progress.Bytes(d.BudgetBytes)
	}
	for _, v := range d.Volumes {
		text += fmt.Sprintf("; %s: %s free at least, of %s", v.Path, progress.Bytes(v.LeastBytes), progress.Bytes(v.TotalBytes))
	}
	return text
}

// String is "-" for what is not known.
func (r *Reading) String() string {
	if r == nil {
		return "-"
	}
	return progress.Bytes(r.Bytes)
}

func (r Report) suites(b *strings.Builder) {
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  suite\tdeploy\ttest\tpassed\tfailed\ttotal\tnote")
	for _, s := range r.Suites {
		tests := Tests{}
		if s.Tests != nil {
			tests = *s.Tests
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%d\t%d\t%d\t%s\n", s.Name, wall(s.DeploySeconds), wall(s.TestSeconds),
			tests.Passed, tests.Failed, tests.Passed+tests.Failed+tests.Skipped, s.remark())
	}
	t.Flush()
}

// remark is empty for what needs none.
func (s Suite) remark() string {
	switch {
	case s.State == Passed:
		return ""
	case s.State == Failed && (s.Tests == nil || s.Tests.Failed == 0):
		first, _, _ := strings.Cut(s.Error, "\n")
		return s.State + ": " + first
	}
	return s.State
}

func (m Moved) columns() string {
	return fmt.Sprintf("%d\t%s\t%s\t%s", m.Requests, progress.Bytes(m.BytesIn), progress.Bytes(m.BytesOut), progress.Bytes(m.LayerBytes))
}

func (p Phase) remark() string {
	if p.State == Done {
		return p.Note
	}
	if p.Note == "" {
		return p.State
	}
	return p.State + ": " + p.Note
}

func (r Report) remark() string {
	if r.FirstAssertion == 0 {
		return ""
	}
	return "first assertion after " + wall(r.FirstAssertion)
}

func (r Report) verdict() string {
	tests := ""
	if len(r.Suites) > 1 {
		tests = progress.Count(len(r.Suites), "suite") + ", "
	}
	if r.Tests != nil {
		tests += fmt.Sprintf("%d passed, %d failed, %d skipped, ", r.Tests.Passed, r.Tests.Failed, r.Tests.Skipped)
	}
	verb := "images through " + cmp.Or(r.Destination, "nothing")
	if r.DryRun {
		verb += ", dry run"
	}
	return tests + verb
}

func wall(s float64) string { return progress.Seconds(time.Duration(s * float64(time.Second))) }

// trimLines takes the padding of the last column away.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
