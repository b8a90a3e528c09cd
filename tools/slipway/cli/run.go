package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// portPool is the step in which a cluster's number of NodePorts grows. Runs with different needs share a cluster as long as
// its pool holds them.
const portPool = 32

// runner is one run, of one suite or of several.
type runner struct {
	*delivery.Job
	options options
	steps   steps
	in      inputs
	state   string // folder of leases
	output  string // folder of logs
	members []*member
	disk    *diskWatch
}

func runCommand(steps steps) command.Command {
	return func(ctx context.Context, args []string, getenv func(string) string, streams command.Streams) error {
		o, err := parseFlags(args, getenv)
		if err != nil {
			return err
		}
		if o.help {
			_, err := io.WriteString(streams.Out, usage)
			return err
		}
		r := &runner{
			Job:     &delivery.Job{Getenv: getenv, Streams: streams, Ledger: report.NewLedger(nil), Jobs: o.jobs},
			options: o, steps: steps,
		}
		if r.Inputs, r.in, err = readInputs(o.plan, delivery.OpenFiles(getenv)); err != nil {
			return err
		}
		if r.Caches, err = delivery.OpenCaches(o.caches, getenv); err == nil {
			defer r.Caches.Close() //nolint:errcheck // everything has been read
			err = r.run(ctx)
		}
		if err != nil {
			return &command.PlanError{Err: err, Label: r.Label}
		}
		return nil
	}
}

func (r *runner) run(ctx context.Context) error {
	r.Progress = command.NewDisplay(r.Streams.Err, r.Getenv)
	defer r.Progress.Close()
	if err := r.checkTestArgs(); err != nil {
		return err
	}
	if err := r.decide(); err != nil {
		return err
	}
	if err := r.options.views.Open(r.Getenv); err != nil {
		return err
	}
	err := r.execute(ctx)
	r.Progress.Close()
	return command.Finish(ctx, r.Ledger, command.Finishing{
		Views: r.options.views, DryRun: r.options.dryRun, Getenv: r.Getenv, Streams: r.Streams, Progress: r.Progress,
	}, err)
}

// decide makes the decision and prints it, then refuses manifests that cannot be deployed.
func (r *runner) decide() error {
	var err error
	r.Decision, err = plan.Decide(plan.Input{
		Registry: r.Getenv("IMAGE_REGISTRY"), Tag: r.Getenv("IMAGE_TAG"),
		Destination: r.options.destination, Fallback: r.options.fallback, Automated: delivery.Automated(r.Getenv),
	})
	if err != nil {
		return err
	}
	r.Tags = []string{r.Decision.Tag}
	r.Progress.Line("%s", r.Decision)
	r.Ledger.Set(func(rep *report.Report) {
		rep.Suite, rep.Destination, rep.Reason = r.Label, string(r.Decision.Destination), r.Decision.Reason
		rep.DryRun = r.options.dryRun
	})
	r.gather()
	references := map[string]string{}
	for _, i := range r.Images {
		references[i.Name] = r.Decision.Repository(i.Name) + "@" + i.Descriptor.Manifest.Digest
	}
	return deploy.Check(r.deployConfigs(references))
}

func (r *runner) execute(ctx context.Context) (err error) {
	if r.options.dryRun {
		return r.dryRun(ctx)
	}
	if err := r.checkSources(); err != nil {
		return err
	}
	if r.state, err = stateDir(r.Getenv); err != nil {
		return err
	}
	if r.output, err = outputDir(r.options, r.Getenv, r.state, r.Name, r.Ledger.Started()); err != nil {
		return err
	}
	r.Ledger.Set(func(rep *report.Report) {
		rep.Output = r.output
		for _, m := range r.members {
			rep.Suites[m.index].Output = m.folder()
		}
	})
	memory := watchMemory(memoryFile)
	defer func() {
		seen := memory()
		r.Ledger.Set(func(rep *report.Report) { rep.Memory = seen })
	}()
	limited, err := r.watchDisk(ctx)
	defer func() { err = r.disk.end(ctx, err) }()
	if err != nil {
		return err
	}
	held, err := r.prepare(limited)
	if held != nil {
		defer func() { err = r.finish(ctx, held, err) }()
	}
	if err == nil {
		err = r.useCluster(limited, held)
	}
	return cmp.Or(r.disk.exceeded(), err)
}

// prepare gets the cluster and pushes the images at the same time. It may return a cluster together with an error.
func (r *runner) prepare(ctx context.Context) (*held, error) {
	var lease *held
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { lease, err = r.acquire(ctx); return err })
	if r.Decision.Destination == plan.Registry {
		g.Go(func() error { return r.Push(ctx) })
	}
	err := g.Wait()
	return lease, err
}

func (r *runner) acquire(ctx context.Context) (*held, error) {
	end := r.Ledger.Begin("cluster")
	lease, err := r.steps.acquire(ctx, cluster.Config{
		Kind:       r.in.kind,
		Image:      r.in.nodeImage,
		Ports:      (r.in.ports() + portPool - 1) / portPool * portPool,
		Dir:        r.state,
		Logs:       r.logs(),
		Fresh:      r.options.fresh,
		Engine:     r.options.engine,
		EngineHook: strings.Fields(r.Getenv("SLIPWAY_ENGINE_HOOK")),
		Progress:   r.Progress,
		Storage:    r.disk.storage,
	})
	if err != nil {
		err = r.explainEngine(err)
		end(report.Moved{}, "", err)
		return nil, err
	}
	r.disk.add(lease)
	verb := "created "
	if lease.reused {
		verb = "reused "
	}
	end(report.Moved{}, verb+lease.name, nil)
	r.Ledger.Set(func(rep *report.Report) { rep.Cluster = &report.Cluster{Name: lease.name, Reused: lease.reused} })
	return lease, nil
}

func (r *runner) logs() string { return filepath.Join(r.output, "cluster") }

// useCluster is what happens once there is a cluster.
func (r *runner) useCluster(ctx context.Context, lease *held) error {
	references, stop, err := r.deliver(ctx, lease)
	defer stop()
	if err != nil {
		return err
	}
	r.PrintReferences(references)
	at, err := r.openSite(ctx, lease, references)
	if err != nil {
		return err
	}
	return r.runMembers(ctx, lease, at)
}

// finish exports logs after a failure, and only then gives the cluster back. An interrupted run keeps no cluster, nor does one
// that took too much disk.
func (r *runner) finish(ctx context.Context, lease *held, err error) error {
	if err != nil {
		end := r.Ledger.Begin("logs")
		failed := lease.export(ctx, r.logs())
		end(report.Moved{}, r.logs(), failed)
		if failed != nil {
			r.Progress.Line("slipway: warning: %s", command.OneLine(failed.Error()))
		} else if ctx.Err() == nil {
			err = &command.EvidenceError{Err: err, Folder: r.logs()}
		}
	}
	keep := (r.options.keep || r.options.keepReused && lease.reused) && ctx.Err() == nil && r.disk.exceeded() == nil
	if !keep {
		r.disk.settle(ctx)
	}
	end := r.Ledger.Begin("release")
	failed := lease.release(ctx, keep)
	end(report.Moved{}, "", failed)
	r.Ledger.Set(func(rep *report.Report) { rep.Cluster.Kept = keep && failed == nil })
	return errors.Join(err, failed)
}
