package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// chart is a timeline in a coordinate system of its own: a lane for each part, the disk below, then the bytes. All panels share the
// axis of time, which begins with the first thing that is known. It is drawn for one width; a page holds three, of which one is shown.
type chart struct {
	ID            string
	Class         string // "wide", "middle" or "narrow"
	Width, Height float64
	Left, Right   float64 // of the plots
	Top, Bottom   float64
	Lanes         []lane
	Bands         []bar // through the panels below the lanes
	Panels        []panel
	Ticks         []tick // of the time
	Title, Text   string // for who cannot see it
}

// lane is one part.
type lane struct {
	Name   string
	LabelY float64
	Bars   []bar
	Note   string // its time
	NoteX  float64
	Anchor string
}

// bar is one stretch of time.
type bar struct {
	Part          string
	Title         string
	X, Y, W, H    float64
	Failed, Ended bool
}

// What the drawing takes, in units of about a CSS pixel; glyph is the mean width of a character at the text's size of 11.
const (
	gutter      = 66.0
	laneHeight  = 22.0
	panelHeight = 150.0
	panelGap    = 44.0
	axisHeight  = 24.0
	glyph       = 6.4
)

// TickY is where the times are written.
func (c *chart) TickY() float64 { return c.Bottom + 16 }

// LabelX is where the panels' bytes are written.
func (c *chart) LabelX() float64 { return c.Left - 6 }

// TickAnchor keeps the last time inside.
func (c *chart) TickAnchor(at float64) string {
	if at > c.Right-20 {
		return "end"
	}
	return "middle"
}

// newChart draws for one width. A report without phases has none.
func newChart(r Report, id, class string, width float64) *chart {
	first, last := r.span()
	if last <= first {
		return nil
	}
	c := &chart{ID: id, Class: class, Width: width, Left: gutter, Right: width - 14, Top: 6}
	c.Title = "Timeline of " + cmp.Or(r.Suite, "the run")
	scale := func(at float64) float64 { return c.Left + (at-first)/(last-first)*(c.Right-c.Left) }
	y := c.lanes(r, scale)
	lanesEnd := y
	if r.Disk != nil && len(r.Disk.Samples) > 1 {
		y = c.disk(r.Disk, scale, y+panelGap)
	}
	if lines := moved(r); len(lines) > 0 {
		y = c.bytes(lines, scale, y+panelGap)
	}
	c.Bottom, c.Height = y, y+axisHeight
	for i := range c.Lanes {
		for _, b := range c.Lanes[i].Bars {
			b.Y, b.H = lanesEnd, c.Bottom-lanesEnd
			c.Bands = append(c.Bands, b)
		}
	}
	c.Ticks = timeTicks(first, last, scale, (c.Right-c.Left)/80)
	c.Text = r.describe()
	return c
}

// span is the time from the first to the last thing known.
func (r Report) span() (first, last float64) {
	last = r.Seconds
	for _, p := range r.Phases {
		first, last = min(first, p.Start), max(last, p.Start+p.Seconds)
	}
	return first, last
}

func (c *chart) lanes(r Report, scale func(float64) float64) float64 {
	y := c.Top
	for _, part := range r.Parts {
		l := lane{Name: part.Name, LabelY: y + laneHeight/2 + 4, Note: wall(part.Seconds), Anchor: "start"}
		end := c.Left
		for _, s := range stretches(r.Phases, part.Name) {
			b := bar{Part: part.Name, X: scale(s.from), Y: y + 4, H: laneHeight - 8, Failed: s.failed}
			b.W = max(1.5, scale(s.to)-b.X)
			b.X = min(b.X, c.Right-b.W)
			b.Title = fmt.Sprintf("%s: %s", s.names, wall(s.to-s.from))
			l.Bars, end = append(l.Bars, b), max(end, b.X+b.W)
		}
		l.NoteX = end + 5
		if l.NoteX+glyph*float64(len(l.Note)) > c.Right {
			l.NoteX, l.Anchor = l.Bars[0].X-5, "end"
			if l.NoteX-glyph*float64(len(l.Note)) < c.Left {
				l.Note = "" // its table has it
			}
		}
		c.Lanes = append(c.Lanes, l)
		y += laneHeight
	}
	return y
}

// stretch is a time in which at least one phase of a part ran.
type stretch struct {
	from, to float64
	names    string
	failed   bool
}

func stretches(phases []Phase, part string) []stretch {
	var list []stretch
	var own []Phase
	for _, p := range phases {
		if cmp.Or(p.Part, PartOf(p.Name)) == part {
			own = append(own, p)
		}
	}
	slices.SortStableFunc(own, func(a, b Phase) int { return cmp.Compare(a.Start, b.Start) })
	for _, p := range own {
		s := stretch{p.Start, p.Start + p.Seconds, p.title(), p.State != Done}
		if n := len(list); n > 0 && s.from <= list[n-1].to {
			last := &list[n-1]
			last.to, last.failed = max(last.to, s.to), last.failed || s.failed
			last.names += ", " + s.names
			continue
		}
		list = append(list, s)
	}
	return list
}

func (c *chart) disk(d *Disk, scale func(float64) float64, top float64) float64 {
	low, high := int64(0), d.PeakBytes
	for _, s := range d.Samples {
		low, high = min(low, s.DiskBytes), max(high, s.DiskBytes)
	}
	shown := d.BudgetBytes > 0 && d.BudgetBytes < 3*max(high, 1) // a budget far above would flatten the line
	if shown {
		high = max(high, d.BudgetBytes)
	}
	p, at := newPanel("Disk taken since "+d.Since, top, low, high)
	var points []point
	for _, s := range d.Samples {
		points = append(points, point{scale(s.At), at(s.DiskBytes)})
	}
	p.Lines = []line{area("disk", points, p.Zero)}
	if shown {
		m := mark{Class: "budget", Text: "budget " + progress.Bytes(d.BudgetBytes), Anchor: "start", Y: at(d.BudgetBytes), TextX: c.Left + 4, Rule: true}
		if m.TextY = m.Y - 4; m.TextY < p.Top+10 {
			m.TextY = m.Y + 12
		}
		p.Marks = append(p.Marks, m)
	}
	p.Marks = append(p.Marks, c.peak(d, scale(d.PeakAt), at(d.PeakBytes), p))
	c.Panels = append(c.Panels, p)
	return p.Bottom
}

// peak is a point whose text keeps clear of the budget's and of the edges.
func (c *chart) peak(d *Disk, x, y float64, p panel) mark {
	m := mark{Class: "peak", Text: "peak " + progress.Bytes(d.PeakBytes), Anchor: "end", X: x, Y: y, TextX: x - 7, TextY: y - 6}
	width := glyph * float64(len(m.Text))
	if m.TextX-width < c.Left {
		m.Anchor, m.TextX = "start", x+7
	}
	for _, other := range p.Marks {
		if math.Abs(other.TextY-m.TextY) < 14 {
			m.TextY = max(y, other.Y) + 16
		}
	}
	if m.TextY < p.Top-2 {
		m.TextY = p.Top + 12
	}
	return m
}

func (c *chart) bytes(lines []series, scale func(float64) float64, top float64) float64 {
	var high int64
	for _, l := range lines {
		for _, p := range l.points {
			high = max(high, p.bytes)
		}
	}
	p, at := newPanel("Bytes moved", top, 0, high)
	for _, l := range lines {
		var points []point
		for _, s := range l.points {
			points = append(points, point{scale(s.at), at(s.bytes)})
		}
		p.Lines = append(p.Lines, line{Class: l.class, Points: join(points)})
	}
	c.Panels = append(c.Panels, p)
	return p.Bottom
}

// timeTicks are at round times since the start, at most so many.
func timeTicks(first, last float64, scale func(float64) float64, most float64) []tick {
	step := 1.0
	for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400} {
		if step = s; (last-first)/s <= most {
			break
		}
	}
	var ticks []tick
	for t := 0.0; t <= last-first && len(ticks) < 100; t += step {
		ticks = append(ticks, tick{scale(first + t), clockTime(t)})
	}
	return ticks
}

// clockTime is "45 s" or "2:05".
func clockTime(s float64) string {
	if s < 60 {
		return fmt.Sprintf("%.0f s", s)
	}
	d := time.Duration(s) * time.Second
	if d < time.Hour {
		return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d:%02d h", int(d.Hours()), int(d.Minutes())%60)
}

// describe says in words what the chart shows.
func (r Report) describe() string {
	var words []string
	for _, p := range r.Parts {
		words = append(words, fmt.Sprintf("%s took %s", p.Name, wall(p.Seconds)))
	}
	text := strings.Join(words, ", ") + "."
	if d := r.Disk; d != nil {
		text += fmt.Sprintf(" Disk since %s: %s.", d.Since, d.sentence())
	}
	return text + " The tables below hold the same figures."
}
