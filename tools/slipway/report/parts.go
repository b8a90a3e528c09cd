package report

import (
	"cmp"
	"slices"
)

// Part sums up the phases of one kind. A run's parts are in the order of Parts.
type Part struct {
	Name    string  `json:"name"`
	Start   float64 `json:"start"`   // of its first phase
	Seconds float64 `json:"seconds"` // in which at least one of its phases ran
	Moved
	Network *Network `json:"network,omitempty"` // absent when nobody looked
	Disk    *Use     `json:"disk,omitempty"`    // absent when nobody looked
	State   string   `json:"state"`             // the worst of its phases'
}

// Parts are the names of a run's parts. What "other" holds is not known here.
func Parts() []string {
	return []string{"set-up", "build", "cluster", "delivery", "deploy", "test", "teardown", "other"}
}

// PartOf returns the part that a phase belongs to.
func PartOf(phase string) string {
	switch phase {
	case "set-up", "build", "cluster", "deploy", "test":
		return phase
	case "push", "load", "delivery":
		return "delivery"
	case "prepare":
		return "deploy"
	case "logs", "remove", "release":
		return "teardown"
	}
	return "other"
}

// parts sums the phases up.
func parts(phases []Phase) []Part {
	list := []Part{}
	for _, name := range Parts() {
		var own []Phase
		for _, p := range phases {
			if cmp.Or(p.Part, PartOf(p.Name)) == name {
				own = append(own, p)
			}
		}
		if len(own) > 0 {
			list = append(list, sum(name, own))
		}
	}
	return list
}

// sum needs the phases in the order of their start.
func sum(name string, phases []Phase) Part {
	slices.SortStableFunc(phases, func(a, b Phase) int { return cmp.Compare(a.Start, b.Start) })
	part := Part{Name: name, Start: phases[0].Start, State: Done}
	covered := phases[0].Start
	for _, p := range phases {
		end := p.Start + p.Seconds
		latest := end >= covered
		part.Seconds += max(0, end-max(covered, p.Start))
		covered = max(covered, end)
		part.Requests += p.Requests
		part.BytesIn += p.BytesIn
		part.BytesOut += p.BytesOut
		part.LayerBytes += p.LayerBytes
		part.take(p, latest)
		if p.State == Failing || p.State == Running && part.State == Done {
			part.State = p.State
		}
	}
	part.Seconds = round(part.Seconds)
	return part
}

// take adds the phase's disk and network; the latest one is the last to end so far. Phases that overlap saw the same bytes of the network, which is why the greatest counts.
func (t *Part) take(p Phase, latest bool) {
	if n := p.Network; n != nil {
		if t.Network == nil {
			t.Network = &Network{}
		}
		t.Network.InBytes, t.Network.OutBytes = max(t.Network.InBytes, n.InBytes), max(t.Network.OutBytes, n.OutBytes)
	}
	if p.Disk == nil {
		return
	}
	if t.Disk == nil {
		first := *p.Disk
		t.Disk = &first
		return
	}
	if latest {
		t.Disk.EndBytes = p.Disk.EndBytes
	}
	if t.Disk.PeakBytes == nil || p.Disk.PeakBytes == nil {
		t.Disk.PeakBytes = nil
		return
	}
	most := max(*t.Disk.PeakBytes, *p.Disk.PeakBytes)
	t.Disk.PeakBytes = &most
}

// round keeps milliseconds.
func round(s float64) float64 { return float64(int64(s*1000+0.5)) / 1000 }
