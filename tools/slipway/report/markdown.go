package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// Markdown writes the report for a summary of a CI job, in GitHub's flavour (https://github.github.com/gfm/). It begins and ends with an
// empty line, so that it can be appended to others.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s %s\n\n%s in %s.", r.mark(), cell(cmp.Or(r.Suite, "slipway")), cell(capital(r.verdict())), wall(r.Before+r.Seconds))
	if r.Disk != nil {
		fmt.Fprintf(&b, " Disk since %s: **%s at most**%s.", cell(r.Disk.Since), cell(signed(r.Disk.PeakBytes)), r.Disk.ofBudget())
	}
	b.WriteString("\n\n")
	if r.Error != "" {
		fmt.Fprintf(&b, "> %s\n\n", cell(r.Error))
	}
	r.partRows(&b)
	if len(r.Suites) > 1 {
		r.suiteRows(&b)
	}
	if r.Disk != nil && len(r.Disk.Folders) > 0 {
		r.Disk.folderRows(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) mark() string {
	if r.ExitCode == 0 {
		return "✅"
	}
	return "❌"
}

// ofBudget is empty without a budget.
func (d *Disk) ofBudget() string {
	if d.BudgetBytes == 0 {
		return ""
	}
	return " of a budget of " + progress.Bytes(d.BudgetBytes)
}

func (r Report) partRows(b *strings.Builder) {
	b.WriteString("| part | time | requests | bytes in | bytes out | disk added | disk peak | network in |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range r.Parts {
		row(b, append([]string{p.Name + p.problem(), wall(p.Seconds)}, p.figures()...)...)
	}
	b.WriteString("\n")
}

func (r Report) suiteRows(b *strings.Builder) {
	b.WriteString("| suite | deploy | test | passed | failed | note |\n|---|--:|--:|--:|--:|---|\n")
	for _, s := range r.Suites {
		tests := Tests{}
		if s.Tests != nil {
			tests = *s.Tests
		}
		row(b, s.Name, wall(s.DeploySeconds), wall(s.TestSeconds), fmt.Sprint(tests.Passed), fmt.Sprint(tests.Failed), s.remark())
	}
	b.WriteString("\n")
}

func (d *Disk) folderRows(b *strings.Builder) {
	b.WriteString("<details><summary>Folders and file systems</summary>\n\n")
	b.WriteString("| folder | start | peak | end | note |\n|---|--:|--:|--:|---|\n")
	for _, f := range d.Folders {
		row(b, f.Name, f.Start.String(), f.Peak.String(), f.End.String(), f.Reason)
	}
	b.WriteString("\n| file system of | size | free at start | free at least | free at end |\n|---|--:|--:|--:|--:|\n")
	for _, v := range d.Volumes {
		row(b, v.Path, progress.Bytes(v.TotalBytes), progress.Bytes(v.StartBytes), progress.Bytes(v.LeastBytes), progress.Bytes(v.EndBytes))
	}
	b.WriteString("\n</details>\n\n")
}

// figures are requests, bytes in and out, disk added, its peak, and the network's bytes; "–" for what nobody measured.
func (p Part) figures() []string {
	list := []string{"–", "–", "–", "–", "–", "–"}
	if p.Start >= 0 {
		list[0], list[1], list[2] = fmt.Sprint(p.Requests), progress.Bytes(p.BytesIn), progress.Bytes(p.BytesOut)
	}
	if p.Disk != nil {
		list[3], list[4] = signed(p.Disk.added()), p.Disk.peak()
	}
	if p.Network != nil {
		list[5] = progress.Bytes(p.Network.InBytes)
	}
	return list
}

// problem is empty for what went well.
func (p Part) problem() string {
	switch p.State {
	case Failing:
		return " ❌ failed"
	case Running:
		return " ❌ stopped"
	}
	return ""
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + cell(c) + " ")
	}
	b.WriteString("|\n")
}

// cell keeps text from being anything but text: no markup, no link, no line break.
func cell(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var b strings.Builder
	for _, c := range text {
		if strings.ContainsRune("\\`*_{}[]<>#|~!@&", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return strings.ReplaceAll(b.String(), "://", ":\u200b//") // no automatic link
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
