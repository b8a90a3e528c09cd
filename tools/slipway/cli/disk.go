package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// lastLook bounds the walks at the end of a run.
const lastLook = 5 * time.Second

// diskWatch looks at the disks while a run goes on, and ends it when it takes more than its budget.
type diskWatch struct {
	runner *runner
	gauge  *disk.Gauge
	walker *disk.Walker
	uplink *uplink
	sent   report.Network // by the network before this process
	exceed context.CancelCauseFunc
	stop   func()          // the samples
	walks  context.Context // of the walks, whatever step of the run has begun them
	still  func()          // the walks
	group  sync.WaitGroup

	mu   sync.Mutex
	over *budgetError // nil: not exceeded
}

// watchDisk begins. The context that it returns ends when the budget is exceeded. It fails when that was so before.
func (r *runner) watchDisk(ctx context.Context) (context.Context, error) {
	limited, cancel := context.WithCancelCause(ctx)
	w := &diskWatch{runner: r, gauge: disk.NewGauge(r.steps.statfs), walker: disk.NewWalker(nil), uplink: openUplink(routesFile, devicesFile), exceed: cancel}
	r.disk = w
	since := w.recordBefore()
	for _, path := range []string{command.Workspace(r.Getenv), r.state, r.output, cmp.Or(r.Getenv("TMPDIR"), os.TempDir())} {
		if path != "" {
			w.gauge.Add(path, -1) // one that does not answer is not watched
		}
	}
	r.Ledger.Watch(report.Watching{Since: since, Budget: r.options.budget, Network: w.uplink != nil, Look: w.look})
	ticker := time.NewTicker(disk.Interval)
	stop := disk.Watch(w.gauge, ticker.C, w.see)
	w.stop = func() { ticker.Stop(); stop() }
	w.walks, w.still = context.WithCancel(context.WithoutCancel(ctx))
	w.group.Go(func() { w.walker.Run(w.walks) })
	w.checkBefore()
	return limited, w.exceeded()
}

// recordBefore returns the phase that the count begins with. What cannot be read is left out, and said.
func (w *diskWatch) recordBefore() string {
	r := w.runner
	b, err := readBefore(r.Getenv)
	if err != nil {
		r.Progress.Line("slipway: warning: %v", err)
	}
	var first *before
	since := "run"
	switch {
	case b != nil && b.record(r.Ledger, w.gauge):
		since, first = "build", b
		w.sent = report.Network{InBytes: b.Samples[len(b.Samples)-1].In, OutBytes: b.Samples[len(b.Samples)-1].Out}
	case guess(r.Getenv, r.Ledger, w.gauge, command.Workspace(r.Getenv)):
		since = "build"
	}
	for _, folder := range bazelFolders(command.OutputBase(r.Getenv), r.Caches.Disk, first) {
		w.walker.Add(folder)
	}
	return since
}

// bazelFolders are the output base and the disk cache, with what was measured before the build.
func bazelFolders(base, cache string, b *before) []disk.Folder {
	return []disk.Folder{
		bazelFolder("output base", base, "no checkout is known", b), bazelFolder("disk cache", cache, "Bazel has none", b),
	}
}

func bazelFolder(name, path, missing string, b *before) disk.Folder {
	f := disk.Folder{Name: name, Path: path, Still: true, First: b.reading(path)}
	f.Size = func(ctx context.Context) (int64, error) {
		if path == "" {
			return 0, errors.New(missing)
		}
		return disk.Size(ctx, path)
	}
	return f
}

func (w *diskWatch) look() report.Sample {
	return w.sample(w.gauge.Look())
}

func (w *diskWatch) sample(taken int64) report.Sample {
	n := w.uplink.carried(devicesFile)
	return report.Sample{DiskBytes: taken, Network: report.Network{InBytes: w.sent.InBytes + n.InBytes, OutBytes: w.sent.OutBytes + n.OutBytes}}
}

func (w *diskWatch) see(taken int64) {
	w.compare(taken, w.runner.Ledger.See(w.sample(taken)))
}

// checkBefore: a build that took too much ends the run before anything is touched.
func (w *diskWatch) checkBefore() {
	var taken int64
	var phase string
	w.runner.Ledger.Set(func(rep *report.Report) { taken, phase = rep.Disk.PeakBytes, rep.Disk.PeakPhase })
	w.compare(taken, phase)
}

// compare ends the run at the first look above the budget.
func (w *diskWatch) compare(taken int64, phase string) {
	budget := w.runner.options.budget
	if budget == 0 || taken <= budget {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over == nil {
		w.over = &budgetError{taken: taken, budget: budget, phase: phase}
		w.exceed(w.over)
	}
}

// exceeded returns nil while the budget holds. Otherwise its error names what grew, which takes a walk at the first call.
func (w *diskWatch) exceeded() error {
	w.mu.Lock()
	over := w.over
	w.mu.Unlock()
	if over == nil {
		return nil
	}
	over.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), lastLook)
		defer cancel()
		w.walker.Round(ctx, disk.All)
		over.blame(w.walker.Growths())
	})
	return fault.New(fault.Delivery, over, over.hints...)
}

// add measures the folders of a cluster's nodes too. The engine is asked where they are while the run goes on.
func (w *diskWatch) add(lease *held) {
	if lease.folders == nil {
		return
	}
	w.group.Go(func() {
		for _, folder := range lease.folders(w.walks) {
			w.walker.Add(folder)
		}
	})
}

// storage measures the engine's folder too, and its file system.
func (w *diskWatch) storage(folder disk.Folder) {
	w.gauge.Add(folder.Path, -1)
	w.walker.Add(folder)
}

// settle measures what is about to be deleted a last time.
func (w *diskWatch) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	w.walker.Round(ctx, disk.Affordable)
	for _, g := range w.walker.Growths() {
		if strings.Contains(g.Name, " of ") { // a node's
			w.walker.Settle(g.Name)
		}
	}
}

// end stops the looking, writes what was seen into the ledger, and returns the run's error.
func (w *diskWatch) end(ctx context.Context, err error) error {
	w.stop()
	w.still()
	w.group.Wait()
	defer w.exceed(nil)
	if over := w.exceeded(); over != nil && err == nil { // while the cluster was given back
		err = over
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	w.walker.Round(limited, disk.Affordable)
	start := w.runner.Ledger.Started()
	w.runner.Ledger.Set(func(rep *report.Report) {
		for _, v := range w.gauge.Volumes() {
			rep.Disk.Volumes = append(rep.Disk.Volumes, report.Volume{Path: v.Path, TotalBytes: v.Total, StartBytes: v.Start, LeastBytes: v.Lowest, EndBytes: v.End})
		}
		for _, g := range w.walker.Growths() {
			rep.Disk.Folders = append(rep.Disk.Folders, folderOf(g, start))
		}
	})
	return err
}

func folderOf(g disk.Growth, start time.Time) report.Folder {
	reading := func(r *disk.Reading) *report.Reading {
		if r == nil {
			return nil
		}
		return &report.Reading{Bytes: r.Bytes, At: r.At.Sub(start).Round(time.Millisecond).Seconds()}
	}
	return report.Folder{
		Name: g.Name, Path: g.Path, Start: reading(g.Start), Peak: reading(g.Peak), End: reading(g.End),
		Looks: g.Looks, CostSeconds: g.Cost.Round(time.Millisecond).Seconds(), Reason: g.Reason,
	}
}

// budgetError is a run that took more disk than it may.
type budgetError struct {
	taken, budget int64
	phase         string
	once          sync.Once
	grew          []string
	hints         []string
}

func (e *budgetError) Error() string {
	text := fmt.Sprintf("exceeding the disk budget of %s: the run took %s", progress.Bytes(e.budget), progress.Bytes(e.taken))
	if e.phase != "" {
		text += fmt.Sprintf(", in phase %q", e.phase)
	}
	if len(e.grew) > 0 {
		text += "; most grew: " + strings.Join(e.grew, ", ")
	}
	return text
}

// blame names the two folders that grew most. What none of them holds is elsewhere; nodes' folders are in the engine's storage.
func (e *budgetError) blame(growths []disk.Growth) {
	elsewhere := disk.Growth{Folder: disk.Folder{Name: "folders that are not measured"}}
	rest := e.taken
	for _, g := range growths {
		if !strings.Contains(g.Name, " of ") {
			rest -= max(0, g.Grown()) // what others deleted there is no reason to blame the rest
		}
	}
	elsewhere.Start, elsewhere.End = &disk.Reading{}, &disk.Reading{Bytes: rest}
	growths = append(slices.Clone(growths), elsewhere)
	slices.SortStableFunc(growths, func(a, b disk.Growth) int { return cmp.Compare(b.Grown(), a.Grown()) })
	e.hints = []string{"--disk-budget=" + roundUp(e.taken+e.taken/10)}
	for _, g := range growths[:min(2, len(growths))] {
		if g.Grown() <= 0 {
			continue
		}
		e.grew = append(e.grew, g.Name+" by "+progress.Bytes(g.Grown()))
		if len(e.hints) == 1 && g.Path != "" && !strings.Contains(g.Name, " of ") {
			e.hints = append(e.hints, "du -xhd2 "+g.Path+" | sort -h | tail")
		}
	}
}
