package job

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/remotecache/second"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// total is what the whole job has of its phases.
type total struct {
	took  time.Duration
	most  int64
	usage second.Usage
}

// phase runs do and counts the disk while it runs.
func (j *job) phase(ctx context.Context, r *measure.Round, name string, do func(context.Context) error) error {
	j.bench.host.Log("job: %s", name)
	var peak int64
	ticker := time.NewTicker(disk.Interval)
	defer ticker.Stop()
	stop := disk.Watch(j.gauge, ticker.C, func(taken int64) { peak = max(peak, taken) })
	start := time.Now()
	err := do(ctx)
	took := time.Since(start)
	stop()
	if err != nil {
		return err
	}
	s := r.Add(name, took)
	s.Count(most.Name, peak)
	s.Count(end.Name, j.gauge.Look())
	j.total.took += took
	j.total.most = max(j.total.most, peak)
	if err := j.countOutputs(s); err != nil {
		return err
	}
	if name == suites {
		return j.countReport(s)
	}
	return nil
}

// countOutputs looks into the output base, once there is one.
func (j *job) countOutputs(s *measure.Sample) (err error) {
	if j.checkout == nil {
		return nil
	}
	if _, absent := os.Stat(j.checkout.Output); absent != nil {
		return nil
	}
	if j.total.usage, err = j.checkout.Usage(); err != nil {
		return err
	}
	count(s, j.total.usage)
	return nil
}

func count(s *measure.Sample, u second.Usage) {
	s.Count(external.Name, u.Parts[second.External])
	s.Count(outputs.Name, u.Parts[second.Outputs])
	s.Count(onHost.Name, u.LayerBytes())
}

// countReport takes over what slipway saw of engine and nodes.
func (j *job) countReport(s *measure.Sample) error {
	data, err := os.ReadFile(j.report())
	if err != nil {
		return err
	}
	grown, err := folders(data)
	if err != nil {
		return err
	}
	for column, n := range grown {
		s.Count(column, n)
	}
	return nil
}

// folders adds up how much the report's folders grew at their largest, by column.
func folders(report []byte) (map[string]int64, error) {
	type reading struct {
		Bytes int64 `json:"bytes"`
	}
	var r struct {
		Disk struct {
			Folders []struct {
				Name        string
				Start, Peak *reading
			}
		}
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return nil, fmt.Errorf("reading slipway's report: %w", err)
	}
	grown := map[string]int64{}
	for _, f := range r.Disk.Folders {
		if f.Start == nil || f.Peak == nil {
			continue
		}
		switch {
		case f.Name == "engine storage":
			grown[inStorage.Name] += f.Peak.Bytes - f.Start.Bytes
		case strings.HasPrefix(f.Name, "content of "), strings.HasPrefix(f.Name, "snapshots of "):
			grown[inNodes.Name] += f.Peak.Bytes - f.Start.Bytes
		}
	}
	return grown, nil
}

// sum adds the whole job.
func (j *job) sum(r *measure.Round) error {
	s := r.Add(whole, j.total.took)
	s.Count(most.Name, j.total.most)
	s.Count(end.Name, j.gauge.Look())
	if j.checkout != nil {
		count(s, j.total.usage)
	}
	return nil
}
