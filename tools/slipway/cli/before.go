package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// before is what happened before this process: set-up and build. tools/offline writes it as a file, package watch there, and names it in
// SLIPWAY_BEFORE. Where Bazel is not started by that, tools/bazelw leaves a time and a number (KUBERNAUT_STARTED,
// KUBERNAUT_FREE), and nobody samples. Times are milliseconds since 1970, bytes are free ones.
type before struct {
	Version int      `json:"version"` // 1
	Paths   []string `json:"paths"`   // one on each file system
	Phases  []struct {
		Name       string `json:"name"` // "set-up", then "build"
		Start, End int64
	} `json:"phases"`
	Samples []struct {
		At      int64   `json:"at"`
		Free    []int64 `json:"free"` // by path
		In, Out int64   // of the machine's way out, since the first sample
	} `json:"samples"`
	Folders []struct {
		Name, Path string
		Bytes, At  int64 // At is 0 when it was not measured
	} `json:"folders"`
}

// readBefore returns nil without an error when nobody left anything.
func readBefore(getenv func(string) string) (*before, error) {
	path := getenv("SLIPWAY_BEFORE")
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading what was before: %w", err)
	}
	b := &before{}
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("reading what was before, %q: %w", path, err)
	}
	if b.Version != 1 {
		return nil, fmt.Errorf("reading what was before, %q: version %d is not 1", path, b.Version)
	}
	return b, nil
}

// reading is what the folder held before the build, nil when that is not known. The receiver may be nil.
func (b *before) reading(path string) *disk.Reading {
	if b == nil || path == "" {
		return nil
	}
	for _, f := range b.Folders {
		if f.Path == path && f.At > 0 {
			return &disk.Reading{Bytes: f.Bytes, At: time.UnixMilli(f.At)}
		}
	}
	return nil
}

// count begins with the build, so that what set-up makes (Bazel, Go's modules, the engine, the node image) is apart. It returns the index of
// the first sample of the count, -1 when there is none.
func (b *before) count() int {
	for _, p := range b.Phases {
		if p.Name != "build" {
			continue
		}
		for i, s := range b.Samples {
			if s.At >= p.Start && len(s.Free) == len(b.Paths) {
				return i
			}
		}
	}
	return -1
}

// record puts the phases and the samples into the ledger and the file systems, as they were when the count begins, into the gauge.
func (b *before) record(l *report.Ledger, g *disk.Gauge) bool {
	base := b.count()
	if base < 0 {
		return false
	}
	for i, path := range b.Paths {
		if g.Add(path, b.Samples[base].Free[i]) != nil {
			return false
		}
	}
	at := func(ms int64) float64 { return time.UnixMilli(ms).Sub(l.Started()).Round(time.Millisecond).Seconds() }
	var samples []report.Sample
	for _, s := range b.Samples {
		if len(s.Free) != len(b.Paths) {
			continue
		}
		sample := report.Sample{At: at(s.At), Network: report.Network{InBytes: s.In, OutBytes: s.Out}}
		for i := range s.Free {
			sample.DiskBytes += b.Samples[base].Free[i] - s.Free[i]
		}
		samples = append(samples, sample)
	}
	var phases []report.Phase
	for _, p := range b.Phases {
		phase := report.Phase{Name: p.Name, Start: at(p.Start), Seconds: at(p.End) - at(p.Start), State: report.Done}
		phases = append(phases, sampled(phase, samples))
	}
	l.Before(phases, samples)
	return true
}

// sampled adds what the samples of the phase's time saw.
func sampled(p report.Phase, samples []report.Sample) report.Phase {
	var first *report.Sample
	for _, s := range samples {
		if s.At < p.Start-0.5 || s.At > p.Start+p.Seconds+0.5 {
			continue
		}
		if first == nil {
			first = &s
			peak := s.DiskBytes
			p.Disk = &report.Use{StartBytes: s.DiskBytes, PeakBytes: &peak}
		}
		p.Disk.EndBytes, *p.Disk.PeakBytes = s.DiskBytes, max(*p.Disk.PeakBytes, s.DiskBytes)
		p.Network = &report.Network{InBytes: s.InBytes - first.InBytes, OutBytes: s.OutBytes - first.OutBytes}
	}
	return p
}

// guess records a build of which only the start is known.
func guess(getenv func(string) string, l *report.Ledger, g *disk.Gauge, workspace string) bool {
	started, err := strconv.ParseInt(getenv("KUBERNAUT_STARTED"), 10, 64)
	free, errFree := strconv.ParseInt(getenv("KUBERNAUT_FREE"), 10, 64)
	if err != nil || errFree != nil || workspace == "" || started <= 0 || free <= 0 {
		return false
	}
	took := l.Started().Sub(time.Unix(started, 0))
	if took < 0 || g.Add(workspace, free<<10) != nil {
		return false
	}
	s := -took.Round(time.Millisecond).Seconds()
	taken := g.Look()
	build := report.Phase{Name: "build", Start: s, Seconds: -s, State: report.Done, Disk: &report.Use{EndBytes: taken}, Note: "disk seen at its start and end alone"}
	l.Before([]report.Phase{build}, []report.Sample{{At: s}})
	return true
}
