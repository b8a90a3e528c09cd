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
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  phase\ttime\trequests\tsent\tlayers\tnote")
	var total Moved
	for _, p := range r.Phases {
		if p.Suite != "" && len(r.Suites) > 1 {
			continue // the suites have a table of their own
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", p.Name, wall(p.Seconds), p.Moved.columns(), p.remark())
		total.Requests += p.Requests
		total.BytesOut += p.BytesOut
		total.LayerBytes += p.LayerBytes
	}
	fmt.Fprintf(t, "  total\t%s\t%s\t%s\n", wall(r.Seconds), total.columns(), r.remark())
	t.Flush()
	if len(r.Suites) > 1 {
		r.suites(&b)
	}
	if m := r.Memory; m != nil {
		fmt.Fprintf(&b, "  memory of the machine: %s at most, %s at the start, of %s\n", progress.Bytes(m.PeakBytes), progress.Bytes(m.BeforeBytes), progress.Bytes(m.TotalBytes))
	}
	_, err := io.WriteString(w, trimLines(b.String()))
	return err
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
	return fmt.Sprintf("%d\t%s\t%s", m.Requests, progress.Bytes(m.BytesOut), progress.Bytes(m.LayerBytes))
}

func (p Phase) remark() string {
	if p.State == "done" {
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
