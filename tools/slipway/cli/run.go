package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/deploy"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// portPool is the step in which a cluster's number of NodePorts grows. Runs with different needs share a cluster as long as
// its pool holds them.
const portPool = 32

// runner is one run, of one suite or of several.
type runner struct {
	options  options
	getenv   func(string) string
	streams  Streams
	steps    steps
	in       inputs
	caches   caches
	decision plan.Decision
	tags     []string // of the images in a registry
	progress *progress.Display
	ledger   *report.Ledger
	state    string // folder of leases
	output   string // folder of logs
	members  []*member
	disk     *diskWatch

	fallback error           // why a registry was left for kind; nil when it was not
	pushed   registry.Result // with the registry route
}

func runCommand(ctx context.Context, args []string, getenv func(string) string, streams Streams, steps steps) error {
	o, err := parseFlags(args, getenv)
	if err != nil {
		return err
	}
	if o.help {
		_, err := io.WriteString(streams.Out, usage)
		return err
	}
	r := &runner{options: o, getenv: getenv, streams: streams, steps: steps, ledger: report.NewLedger(nil)}
	if r.in, err = readInputs(o.plan, openFiles(getenv)); err != nil {
		return err
	}
	if r.caches, err = openCaches(o.caches, getenv); err != nil {
		return &suiteError{error: err, label: r.in.label}
	}
	defer r.caches.close() //nolint:errcheck // everything has been read
	if err := r.run(ctx); err != nil {
		return &suiteError{error: err, label: r.in.label}
	}
	return nil
}

func (r *runner) run(ctx context.Context) error {
	r.progress = newDisplay(r.streams.Err, r.getenv)
	defer r.progress.Close()
	if err := r.checkTestArgs(); err != nil {
		return err
	}
	if err := r.decide(); err != nil {
		return err
	}
	if err := r.openViews(); err != nil {
		return err
	}
	err := r.execute(ctx)
	r.progress.Close()
	return r.report(ctx, err)
}

func newDisplay(w io.Writer, getenv func(string) string) *progress.Display {
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd())) && getenv("TERM") != "dumb"
	return progress.New(w, progress.Options{Terminal: terminal, Color: terminal && getenv("NO_COLOR") == ""})
}

// decide makes the decision and prints it, then refuses manifests that cannot be deployed.
func (r *runner) decide() error {
	var err error
	r.decision, err = plan.Decide(plan.Input{
		Registry: r.getenv("IMAGE_REGISTRY"), Tag: r.getenv("IMAGE_TAG"),
		Destination: r.options.destination, Fallback: r.options.fallback, Automated: automated(r.getenv),
	})
	if err != nil {
		return err
	}
	r.tags = []string{r.decision.Tag}
	r.progress.Line("%s", r.decision)
	r.ledger.Set(func(rep *report.Report) {
		rep.Suite, rep.Destination, rep.Reason = r.in.label, string(r.decision.Destination), r.decision.Reason
		rep.DryRun = r.options.dryRun
	})
	r.gather()
	references := map[string]string{}
	for _, i := range r.in.images {
		references[i.Name] = r.decision.Repository(i.Name) + "@" + i.descriptor.Manifest.Digest
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
	if r.state, err = stateDir(r.getenv); err != nil {
		return err
	}
	if r.output, err = outputDir(r.options, r.getenv, r.state, r.in.name, r.ledger.Started()); err != nil {
		return err
	}
	r.ledger.Set(func(rep *report.Report) {
		rep.Output = r.output
		for _, m := range r.members {
			rep.Suites[m.index].Output = m.folder()
		}
	})
	memory := watchMemory(memoryFile)
	defer func() {
		seen := memory()
		r.ledger.Set(func(rep *report.Report) { rep.Memory = seen })
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
	if r.decision.Destination == plan.Registry {
		g.Go(func() error { return r.push(ctx) })
	}
	err := g.Wait()
	return lease, err
}

func (r *runner) acquire(ctx context.Context) (*held, error) {
	end := r.ledger.Begin("cluster")
	lease, err := r.steps.acquire(ctx, cluster.Config{
		Kind:       r.in.kind,
		Image:      r.in.nodeImage,
		Ports:      (r.in.ports() + portPool - 1) / portPool * portPool,
		Dir:        r.state,
		Logs:       r.logs(),
		Fresh:      r.options.fresh,
		Engine:     r.options.engine,
		EngineHook: strings.Fields(r.getenv("SLIPWAY_ENGINE_HOOK")),
		Progress:   r.progress,
		Storage:    r.disk.storage,
	})
	if err != nil {
		err = r.explainEngine(err)
		end(report.Moved{}, "", err)
		return nil, err
	}
	r.disk.add(ctx, lease)
	verb := "created "
	if lease.reused {
		verb = "reused "
	}
	end(report.Moved{}, verb+lease.name, nil)
	r.ledger.Set(func(rep *report.Report) { rep.Cluster = &report.Cluster{Name: lease.name, Reused: lease.reused} })
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
	r.printReferences(references)
	at, err := r.openSite(ctx, lease, references)
	if err != nil {
		return err
	}
	return r.runMembers(ctx, lease, at)
}

func (r *runner) printReferences(references map[string]string) {
	for _, image := range r.in.images {
		reference := references[image.Name]
		fmt.Fprintf(r.streams.Out, "%s %s\n", image.Name, reference)
		r.ledger.Set(func(rep *report.Report) {
			rep.Images = append(rep.Images, report.Image{Name: image.Name, Reference: reference})
		})
	}
}

// finish exports logs after a failure, and only then gives the cluster back. An interrupted run keeps no cluster, nor does one
// that took too much disk.
func (r *runner) finish(ctx context.Context, lease *held, err error) error {
	if err != nil {
		end := r.ledger.Begin("logs")
		failed := lease.export(ctx, r.logs())
		end(report.Moved{}, r.logs(), failed)
		if failed != nil {
			r.progress.Line("slipway: warning: %s", oneLine(failed.Error()))
		} else if ctx.Err() == nil {
			err = &exported{err, r.logs()}
		}
	}
	keep := (r.options.keep || r.options.keepReused && lease.reused) && ctx.Err() == nil && r.disk.exceeded() == nil
	if !keep {
		r.disk.settle(ctx)
	}
	end := r.ledger.Begin("release")
	failed := lease.release(ctx, keep)
	end(report.Moved{}, "", failed)
	r.ledger.Set(func(rep *report.Report) { rep.Cluster.Kept = keep && failed == nil })
	return errors.Join(err, failed)
}

// report prints the table and writes the file. It returns the run's error, or its own when there is none.
func (r *runner) report(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = interrupted(err)
	}
	exit := fault.Passed
	if err != nil {
		exit = code(ctx, err)
	}
	rep := r.ledger.Finish(exit, err)
	if !r.options.dryRun {
		rep.Table(r.streams.Err)
	}
	failed := r.writeViews(rep)
	switch {
	case failed == nil:
		return err
	case err == nil:
		return fault.New(fault.Delivery, fmt.Errorf("writing report: %w", failed))
	}
	r.progress.Line("slipway: warning: writing report: %v", failed)
	return err
}

// interrupted says what the signal hit, when that says more than that there was one.
func interrupted(err error) error {
	if err == nil || strings.TrimSpace(err.Error()) == context.Canceled.Error() {
		return fault.New(fault.Interrupted, errors.New("interrupted"))
	}
	return fault.New(fault.Interrupted, fmt.Errorf("interrupted: %w", err))
}

// keychain finds the credentials that docker login left.
func keychain() authn.Keychain { return authn.DefaultKeychain }

// automated reports an environment that nobody types into: CI's, or that of a test, which has only what its rule lets through.
func automated(getenv func(string) string) bool {
	return getenv("CI") != "" || getenv("GITHUB_ACTIONS") != "" || getenv("TEST_TARGET") != ""
}
