package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// tagList is a flag that may be given several times.
type tagList []string

func (l *tagList) String() string { return strings.Join(*l, ",") }

func (l *tagList) Set(value string) error {
	if value == "" {
		return errors.New("a tag must not be empty")
	}
	*l = append(*l, value)
	return nil
}

// pushOptions are the flags of "slipway push".
type pushOptions struct {
	options  // plan, caches, dryRun, jobs, the report's files, help
	registry string
	tags     tagList
}

func parsePushFlags(args []string, getenv func(string) string) (pushOptions, error) {
	var o pushOptions
	flags := flag.NewFlagSet("slipway push", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plan, "plan", getenv("SLIPWAY_PLAN"), "")
	flags.StringVar(&o.registry, "registry", "", "")
	flags.Var(&o.tags, "tag", "")
	flags.BoolVar(&o.dryRun, "dry-run", false, "")
	o.caches.define(flags)
	flags.IntVar(&o.jobs, "jobs", 4, "")
	flags.StringVar(&o.report, "report", "", "")
	flags.StringVar(&o.html, "html", "", "")
	flags.StringVar(&o.summary, "summary", getenv("GITHUB_STEP_SUMMARY"), "")
	flags.BoolVar(&o.help, "help", false, "")
	flags.BoolVar(&o.help, "h", false, "")
	if err := flags.Parse(args); err != nil {
		return o, pushMisuse("%v", err)
	}
	switch {
	case o.help:
		return o, nil
	case flags.NArg() > 0:
		return o, pushMisuse("unexpected argument %q", flags.Arg(0))
	case o.jobs < 1 || o.jobs > maxJobs:
		return o, pushMisuse("--jobs must be from 1 to %d, got %d", maxJobs, o.jobs)
	case o.plan == "":
		return o, fault.New(fault.Usage, fmt.Errorf("no plan: neither --plan nor SLIPWAY_PLAN is set"), "tools/bazelw run //services:push -- --dry-run", pushHelp)
	}
	return o, nil
}

const pushHelp = "tools/bazelw run //tools/slipway -- push --help"

func pushMisuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), pushHelp)
}

func pushCommand(ctx context.Context, args []string, getenv func(string) string, streams Streams) error {
	o, err := parsePushFlags(args, getenv)
	if err != nil {
		return err
	}
	if o.help {
		_, err := io.WriteString(streams.Out, pushUsage)
		return err
	}
	r := &runner{options: o.options, getenv: getenv, streams: streams, ledger: report.NewLedger(nil)}
	standard, err := r.in.readPush(o.plan, openFiles(getenv))
	if err != nil {
		return err
	}
	if r.caches, err = openCaches(o.caches, getenv); err == nil {
		defer r.caches.close() //nolint:errcheck // everything has been read
		err = r.runPush(ctx, o, standard)
	}
	if err != nil {
		return &suiteError{error: err, label: r.in.label, pushes: true, suite: len(r.in.suites) > 0}
	}
	return nil
}

// readPush returns the registry that the plan names; a suite's names none.
func (in *inputs) readPush(name string, f *files) (registry string, err error) {
	data, err := f.readPlan(name)
	if err != nil {
		return "", err
	}
	if !plan.IsPush(data) {
		if err := in.readSuites(name, data, f); err != nil {
			return "", err
		}
		return "", in.readImages(f)
	}
	p, err := plan.DecodePush(name, data)
	if err != nil {
		return "", err
	}
	in.label = p.Label
	for _, wanted := range p.Images {
		found, err := f.readImage(wanted)
		if err != nil {
			return "", err
		}
		in.images = append(in.images, found)
	}
	return p.Registry, nil
}

func (r *runner) runPush(ctx context.Context, o pushOptions, standard string) error {
	decision, err := plan.DecidePush(plan.PushInput{
		Registry: o.registry, Tags: o.tags, Default: standard,
		VariableRegistry: r.getenv("IMAGE_REGISTRY"), VariableTag: r.getenv("IMAGE_TAG"),
	})
	if err != nil {
		return err
	}
	r.decision = plan.Decision{Destination: plan.Registry, Reason: decision.Reason, Registry: decision.Registry}
	r.tags = decision.Tags
	r.ledger.Set(func(rep *report.Report) {
		rep.Suite, rep.Destination, rep.Reason, rep.DryRun = r.in.label, string(plan.Registry), decision.Reason, o.dryRun
	})
	if err := r.openViews(); err != nil {
		return err
	}
	r.progress = newDisplay(r.streams.Err, r.getenv)
	defer r.progress.Close()
	r.progress.Line("%s; %s", decision, progress.Count(len(r.in.images), "image"))
	err = r.pushAll(ctx)
	r.progress.Close()
	return r.report(ctx, err)
}

func (r *runner) pushAll(ctx context.Context) error {
	if r.options.dryRun {
		return r.dryPush(ctx)
	}
	if err := r.push(ctx); err != nil {
		return err
	}
	r.printReferences(r.pushed.References)
	return nil
}
