package report

import (
	"cmp"
	"slices"
)

// series is a sum of bytes over time.
type series struct {
	class, name string
	points      []amount
}

type amount struct {
	at    float64
	bytes int64
}

// moved are the lines of bytes that are not all zero. What slipway moved is known when a phase ends, and drawn as even over it; the
// network was looked at.
func moved(r Report) []series {
	var list []series
	for _, s := range []series{
		{"sent", "sent to registry or nodes", ramps(r.Phases, func(m Moved) int64 { return m.BytesOut })},
		{"received", "received from a registry", ramps(r.Phases, func(m Moved) int64 { return m.BytesIn })},
		{"network", "received by the machine", network(r.Disk)},
	} {
		if len(s.points) > 1 && s.points[len(s.points)-1].bytes > 0 {
			list = append(list, s)
		}
	}
	return list
}

func network(d *Disk) (points []amount) {
	if d == nil {
		return nil
	}
	for _, s := range d.Samples {
		points = append(points, amount{s.At, s.InBytes})
	}
	return points
}

// ramps sum the phases up, each rising from its start to its end.
func ramps(phases []Phase, of func(Moved) int64) []amount {
	var times []float64
	for _, p := range phases {
		times = append(times, p.Start, p.Start+p.Seconds)
	}
	slices.SortFunc(times, cmp.Compare)
	var points []amount
	for _, at := range slices.Compact(times) {
		var sum float64
		for _, p := range phases {
			if bytes := float64(of(p.Moved)); bytes > 0 {
				sum += bytes * progressAt(p, at)
			}
		}
		points = append(points, amount{at, int64(sum + 0.5)})
	}
	return points
}

// progressAt is from 0 to 1.
func progressAt(p Phase, at float64) float64 {
	if p.Seconds <= 0 {
		if at < p.Start {
			return 0
		}
		return 1
	}
	return max(0, min(1, (at-p.Start)/p.Seconds))
}
