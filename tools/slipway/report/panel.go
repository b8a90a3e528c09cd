package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// panel is one axis of bytes with its lines.
type panel struct {
	Name        string
	Top, Bottom float64
	Ticks       []tick
	Lines       []line
	Zero        float64
	Marks       []mark
}

type line struct {
	Class, Points string
	Area          string // the same closed at zero, "" for none
}

type tick struct {
	At    float64
	Label string
}

// mark is a text in a panel, with a line or a point.
type mark struct {
	Class, Text, Anchor string
	X, Y, TextX, TextY  float64
	Rule                bool
}

// TitleY is above the panel.
func (p panel) TitleY() float64 { return p.Top - 16 }

// Middle is the base line of a text whose middle is at the tick.
func (t tick) Middle() float64 { return t.At + 4 }

// newPanel returns the place of a number of bytes too.
func newPanel(name string, top float64, low, high int64) (panel, func(int64) float64) {
	p := panel{Name: name, Top: top, Bottom: top + panelHeight}
	step := niceStep(high - low)
	from, to := floor(low, step), -floor(-max(high, low+1), step)
	at := func(n int64) float64 {
		return p.Bottom - float64(n-from)/float64(to-from)*panelHeight
	}
	for n := from; n <= to; n += step {
		p.Ticks = append(p.Ticks, tick{at(n), progress.Bytes(n)})
	}
	p.Zero = at(0)
	return p, at
}

// niceStep divides a span into at most six.
func niceStep(span int64) int64 {
	for unit := int64(1); unit < math.MaxInt64/100; unit *= 10 {
		for _, factor := range []int64{1, 2, 5} {
			if step := unit * factor; span <= 6*step {
				return step
			}
		}
	}
	return math.MaxInt64 / 6
}

func floor(n, step int64) int64 {
	rest := n % step
	if rest < 0 {
		rest += step
	}
	return n - rest
}

type point struct{ x, y float64 }

func join(points []point) string {
	var b strings.Builder
	for i, p := range points {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%.1f,%.1f", p.x, p.y)
	}
	return b.String()
}

func area(class string, points []point, zero float64) line {
	first, last := points[0], points[len(points)-1]
	closed := append([]point{{first.x, zero}}, points...)
	return line{Class: class, Points: join(points), Area: join(append(closed, point{last.x, zero}))}
}
