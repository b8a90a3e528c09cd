package report

import (
	"cmp"
	_ "embed" // page.tmpl
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

//go:embed page.tmpl
var pageText string

// HTML writes the report as one page that needs nothing else: no network, no other file, no script.
func (r Report) HTML(w io.Writer) error { return Page(w, r) }

// Page writes several reports, such as those of a matrix's jobs, as one page, in their order. All text is escaped by html/template.
func Page(w io.Writer, reports ...Report) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	p := page{Title: "Ledger", Parts: Parts(), Several: len(reports) > 1}
	for i, r := range reports {
		p.Sections = append(p.Sections, newSection(r, fmt.Sprint("r", i+1)))
	}
	if len(reports) == 1 {
		p.Title = cmp.Or(reports[0].Suite, "slipway")
	}
	return t.Execute(w, p)
}

type page struct {
	Title    string
	Parts    []string // have colours
	Several  bool
	Sections []section
}

// section is one report.
type section struct {
	Report
	ID       string
	Verdict  string // "passed", "failed" …
	Bad      bool
	Sentence string
	Cards    []card
	Charts   []*chart
	Legend   []key
	Tables   []table
	When     string
}

type card struct {
	Name, Value, Note string
	Share             int // percent of a budget; 0: none
	Over              bool
}

type key struct{ Class, Name string }

// table is rows of text; the first column heads its row, and figures are set right.
type table struct {
	ID, Title, Note string
	Head            []string
	Figures         int // index of the first column of figures
	Rows            [][]string
	Long            bool // the last column is a sentence
	Folded          bool // shown when it is asked for, and not printed
}

// Class says how a column is set: "n" for figures, "long" for sentences, "" for the rest.
func (t table) Class(column int) string {
	switch {
	case t.Long && column == len(t.Head)-1:
		return "long"
	case column >= t.Figures:
		return "n"
	}
	return ""
}

// FailedTests are names.
func (s section) FailedTests() []string {
	if s.Tests == nil {
		return nil
	}
	return s.Tests.Failures
}

func newSection(r Report, id string) section {
	s := section{Report: r, ID: id, Bad: r.ExitCode != 0, Verdict: r.outcome(), Sentence: capital(r.verdict()) + ".", When: r.Started.UTC().Format("2006-01-02 15:04:05 UTC")}
	s.Cards = r.cards()
	for _, c := range []*chart{newChart(r, id+"-wide", "wide", 960), newChart(r, id+"-middle", "middle", 560), newChart(r, id+"-narrow", "narrow", 328)} {
		if c != nil {
			s.Charts = append(s.Charts, c)
		}
	}
	for _, l := range moved(r) {
		s.Legend = append(s.Legend, key{l.class, capital(l.name)})
	}
	for _, t := range []table{r.partTable(), r.suiteTable(), r.folderTable(), r.volumeTable(), r.phaseTable(), r.imageTable(), r.sampleTable()} {
		if len(t.Rows) > 0 {
			t.ID = id + "-" + strings.ToLower(strings.ReplaceAll(t.Title, " ", "-"))
			s.Tables = append(s.Tables, t)
		}
	}
	return s
}

func (r Report) outcome() string {
	switch r.ExitCode {
	case 0:
		return "passed"
	case 1:
		return "failed"
	case 2:
		return "not started"
	case 130:
		return "interrupted"
	}
	return fmt.Sprintf("failed, exit code %d", r.ExitCode)
}

func (r Report) cards() []card {
	cards := []card{{Name: "Time", Value: wall(r.Before + r.Seconds), Note: r.remark()}}
	if d := r.Disk; d != nil {
		c := card{Name: "Disk at most", Value: signed(d.PeakBytes), Note: d.PeakPhase}
		if d.BudgetBytes > 0 {
			c.Share = int(min(100, max(0, d.PeakBytes*100/d.BudgetBytes)))
			c.Over = d.PeakBytes > d.BudgetBytes
			c.Note = strings.TrimPrefix(c.Note+", budget "+progress.Bytes(d.BudgetBytes), ", ")
		}
		cards = append(cards, c)
	}
	var total Moved
	for _, p := range r.Phases {
		total.BytesOut, total.LayerBytes, total.Requests = total.BytesOut+p.BytesOut, total.LayerBytes+p.LayerBytes, total.Requests+p.Requests
	}
	cards = append(cards, card{Name: "Sent", Value: progress.Bytes(total.BytesOut), Note: fmt.Sprintf("%s of layers, %s", progress.Bytes(total.LayerBytes), progress.Count(int(total.Requests), "request"))})
	if t := r.Tests; t != nil {
		cards = append(cards, card{Name: "Tests", Value: fmt.Sprintf("%d passed", t.Passed), Note: fmt.Sprintf("%d failed, %d skipped", t.Failed, t.Skipped)})
	}
	if m := r.Memory; m != nil {
		cards = append(cards, card{Name: "Memory at most", Value: progress.Bytes(m.PeakBytes), Note: "of the machine's " + progress.Bytes(m.TotalBytes)})
	}
	return cards
}

func (r Report) partTable() table {
	t := table{Title: "Parts", Head: []string{"Part", "Time", "Requests", "Bytes in", "Bytes out", "Disk added", "Disk peak", "Network in"}, Figures: 1,
		Note: "Parts overlap, so their times do not add up. Disk is what the free space of all file systems fell by, whoever wrote there. Network is what the machine’s default route carried, other programs included. – is not known."}
	for _, p := range r.Parts {
		t.Rows = append(t.Rows, append([]string{p.Name + strings.ReplaceAll(p.problem(), " ❌", ""), wall(p.Seconds)}, p.figures()...))
	}
	return t
}

func (r Report) suiteTable() table {
	t := table{Title: "Suites", Head: []string{"Suite", "Deploy", "Test", "Passed", "Failed", "Skipped", "Note"}, Figures: 1, Long: true}
	if len(r.Suites) < 2 {
		return t
	}
	for _, s := range r.Suites {
		n := Tests{}
		if s.Tests != nil {
			n = *s.Tests
		}
		t.Rows = append(t.Rows, []string{s.Name, wall(s.DeploySeconds), wall(s.TestSeconds), fmt.Sprint(n.Passed), fmt.Sprint(n.Failed), fmt.Sprint(n.Skipped), s.remark()})
	}
	return t
}

func (r Report) folderTable() table {
	t := table{Title: "Folders", Head: []string{"Folder", "Start", "Peak", "End", "Looks", "Note"}, Figures: 1, Long: true}
	if r.Disk == nil {
		return t
	}
	for _, f := range r.Disk.Folders {
		t.Rows = append(t.Rows, []string{f.Name, f.Start.String(), f.Peak.String(), f.End.String(), fmt.Sprintf("%d in %.2f s", f.Looks, f.CostSeconds), cmp.Or(f.Reason, f.Path)})
	}
	return t
}

func (r Report) volumeTable() table {
	t := table{Title: "File systems", Head: []string{"Holds", "Size", "Free at start", "Free at least", "Free at end"}, Figures: 1}
	if r.Disk == nil {
		return t
	}
	for _, v := range r.Disk.Volumes {
		t.Rows = append(t.Rows, []string{v.Path, progress.Bytes(v.TotalBytes), progress.Bytes(v.StartBytes), progress.Bytes(v.LeastBytes), progress.Bytes(v.EndBytes)})
	}
	return t
}

func (r Report) phaseTable() table {
	t := table{Title: "Phases", Head: []string{"Phase", "Begin", "Time", "Sent", "Disk added", "Disk peak", "Note"}, Figures: 1, Long: true}
	for _, p := range r.Phases {
		added, peak := "–", "–"
		if p.Disk != nil {
			added, peak = signed(p.Disk.added()), p.Disk.peak()
		}
		title := p.title()
		if len(r.Suites) == 1 {
			title = p.Name
		}
		t.Rows = append(t.Rows, []string{title, wall(r.Before + p.Start), wall(p.Seconds), progress.Bytes(p.BytesOut), added, peak, p.remark()})
	}
	return t
}

func (r Report) imageTable() table {
	t := table{Title: "Images", Head: []string{"Image", "Reference"}, Figures: 2, Long: true}
	for _, i := range r.Images {
		t.Rows = append(t.Rows, []string{i.Name, i.Reference})
	}
	return t
}

// shownSamples is how many rows of samples a person may read.
const shownSamples = 24

// sampleTable is the chart's line as text.
func (r Report) sampleTable() table {
	t := table{Title: "Samples", Head: []string{"Time", "Disk taken", "Network in", "Network out"}, Figures: 1, Folded: true}
	if r.Disk == nil {
		return t
	}
	all := r.Disk.Samples
	for i := range min(shownSamples, len(all)) {
		s := all[i*(len(all)-1)/max(1, min(shownSamples, len(all))-1)]
		t.Rows = append(t.Rows, []string{wall(r.Before + s.At), signed(s.DiskBytes), progress.Bytes(s.InBytes), progress.Bytes(s.OutBytes)})
	}
	t.Rows = slices.CompactFunc(t.Rows, func(a, b []string) bool { return slices.Equal(a, b) })
	return t
}
