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

// counted is a phase with what the machine's way out had carried when it began.
type counted struct {
	Phase
	began Network
}

// parts sums the phases up. began is what had been carried when each of them began.
func parts(phases []Phase, began []Network) []Part {
	list := []Part{}
	for _, name := range Parts() {
		var own []counted
		for i, p := range phases {
			if cmp.Or(p.Part, PartOf(p.Name)) == name {
				own = append(own, counted{p, began[i]})
			}
		}
		if len(own) > 0 {
			list = append(list, sum(name, own))
		}
	}
	return list
}

// sum counts what phases that overlap share once: seconds, and the bytes of the network.
func sum(name string, phases []counted) Part {
	slices.SortStableFunc(phases, func(a, b counted) int { return cmp.Compare(a.Start, b.Start) })
	part := Part{Name: name, Start: phases[0].Start, State: Done}
	covered, seen := phases[0].Start, phases[0].began
	for _, p := range phases {
		end := p.Start + p.Seconds
		latest := end >= covered
		part.Seconds += max(0, end-max(covered, p.Start))
		covered = max(covered, end)
		part.Requests += p.Requests
		part.BytesIn += p.BytesIn
		part.BytesOut += p.BytesOut
		part.LayerBytes += p.LayerBytes
		if p.Network != nil {
			if part.Network == nil {
				part.Network = &Network{}
			}
			from, to := seen.most(p.began), seen.most(p.began.add(*p.Network))
			*part.Network = part.Network.add(to.sub(from).most(Network{}))
			seen = to
		}
		part.take(p.Disk, latest)
		if p.State == Failing || p.State == Running && part.State == Done {
			part.State = p.State
		}
	}
	part.Seconds = round(part.Seconds)
	return part
}

// take adds a phase's disk; the latest one is the last to end so far.
func (t *Part) take(use *Use, latest bool) {
	if use == nil {
		return
	}
	if t.Disk == nil {
		first := *use
		t.Disk = &first
		return
	}
	if latest {
		t.Disk.EndBytes = use.EndBytes
	}
	if t.Disk.PeakBytes == nil || use.PeakBytes == nil {
		t.Disk.PeakBytes = nil
		return
	}
	most := max(*t.Disk.PeakBytes, *use.PeakBytes)
	t.Disk.PeakBytes = &most
}

// round keeps milliseconds.
func round(s float64) float64 { return float64(int64(s*1000+0.5)) / 1000 }
