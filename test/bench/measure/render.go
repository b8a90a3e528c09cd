package measure

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// Markdown writes the run as the section of a document, without its markers.
func (r *Result) Markdown(w io.Writer, s Suite) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.Title, strings.TrimSpace(s.About))
	fmt.Fprintf(&b, "    tools/bazelw run //test/bench -- --suite=%s --rounds=%d\n\n", s.Name, r.Rounds)
	fmt.Fprintf(&b, "%s, %d rounds: medians, and in parentheses the least and the most.\n\n", r.Started.Format("2006-01-02"), r.Rounds)
	r.samplesTable(&b, s)
	r.verdictTable(&b)
	if s.Conclusion != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(s.Conclusion))
	}
	b.WriteString("\nMachine: " + factLine(r.Facts) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// samplesTable has a line for each case and competitor, and leaves out what was not measured.
func (r *Result) samplesTable(b *strings.Builder, s Suite) {
	ours := s.Competitors[0]
	header := []string{"case", "by", "seconds", "× " + ours}
	for _, c := range r.Columns {
		header = append(header, c.Name)
	}
	row(b, header...)
	rule(b, len(header), 2)
	for _, name := range s.Cases {
		label := name
		for _, competitor := range s.Competitors {
			seconds := r.Seconds(name, competitor)
			if seconds.N == 0 {
				continue
			}
			cells := []string{label, competitor, secondsText(seconds), r.ratioText(name, competitor, ours)}
			for _, c := range r.Columns {
				cells = append(cells, r.countText(name, competitor, c))
			}
			row(b, cells...)
			label = ""
		}
	}
}

func (r *Result) verdictTable(b *strings.Builder) {
	if len(r.Verdicts) == 0 {
		return
	}
	b.WriteString("\n")
	row(b, "target", "measured", "met")
	rule(b, 3, 3)
	for _, v := range r.Verdicts {
		met := "yes"
		if !v.Met {
			met = "**no**"
		}
		row(b, v.Text, v.Got, met)
	}
	for _, v := range r.Verdicts {
		if v.Reason != "" {
			fmt.Fprintf(b, "\nMissed, %s: %s\n", v.Text, v.Reason)
		}
	}
}

func row(b *strings.Builder, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// rule aligns the columns after the first left ones to the right.
func rule(b *strings.Builder, columns, left int) {
	b.WriteString("|" + strings.Repeat("---|", left) + strings.Repeat("---:|", columns-left) + "\n")
}

func (r *Result) ratioText(name, competitor, ours string) string {
	ratio := r.Ratio(name, competitor, ours)
	if competitor == ours || ratio.N == 0 {
		return ""
	}
	return atLeast(ratio)
}

func (r *Result) countText(name, competitor string, c Column) string {
	count := r.Count(name, competitor, c.Name)
	if count.N == 0 {
		return ""
	}
	return c.text(count.Median)
}

// text is a count in the column's unit.
func (c Column) text(value float64) string {
	if c.Unit == Bytes {
		return progress.Bytes(int64(value))
	}
	return number(int64(value))
}

// number groups digits by thousands: "1 000 000".
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

// secondsText shows milliseconds below ten seconds: a delivery of nothing takes a tenth of one.
func secondsText(s Spread) string {
	return fmt.Sprintf("%s (%s–%s)", seconds(s.Median), seconds(s.Min), seconds(s.Max))
}

func seconds(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// atLeast is a ratio that ought to be large: "12.34× (11.00–14.20)". It is cut, not rounded: 9.999 is not ten.
func atLeast(s Spread) string { return ratioBy(s, math.Floor) }

// atMost is a ratio that ought to be small: 1.501 is more than one and a half.
func atMost(s Spread) string { return ratioBy(s, math.Ceil) }

func ratioBy(s Spread, round func(float64) float64) string {
	if s.N == 0 {
		return "not measured"
	}
	text := func(v float64) string { return strconv.FormatFloat(round(v*100)/100, 'f', 2, 64) }
	return fmt.Sprintf("%s× (%s–%s)", text(s.Median), text(s.Min), text(s.Max))
}

func factLine(facts []Fact) string {
	var parts []string
	for _, f := range facts {
		parts = append(parts, f.Name+" "+f.Value)
	}
	return strings.Join(parts, "; ") + "."
}
