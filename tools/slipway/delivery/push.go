package delivery

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// MaxJobs bounds --jobs.
const MaxJobs = 64

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

// options are the flags of "slipway push" and what the environment gives in their place.
type options struct {
	plan     string
	registry string
	tags     tagList
	dryRun   bool
	caches   CacheOptions
	jobs     int
	views    command.Views
	help     bool
}

func parseFlags(args []string, getenv func(string) string) (options, error) {
	var o options
	flags := flag.NewFlagSet("slipway push", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plan, "plan", getenv("SLIPWAY_PLAN"), "")
	flags.StringVar(&o.registry, "registry", "", "")
	flags.Var(&o.tags, "tag", "")
	flags.BoolVar(&o.dryRun, "dry-run", false, "")
	o.caches.Define(flags)
	flags.IntVar(&o.jobs, "jobs", 4, "")
	flags.StringVar(&o.views.Report, "report", "", "")
	flags.StringVar(&o.views.HTML, "html", "", "")
	flags.StringVar(&o.views.Summary, "summary", getenv("GITHUB_STEP_SUMMARY"), "")
	flags.BoolVar(&o.help, "help", false, "")
	flags.BoolVar(&o.help, "h", false, "")
	if err := flags.Parse(args); err != nil {
		return o, misuse("%v", err)
	}
	switch {
	case o.help:
		return o, nil
	case flags.NArg() > 0:
		return o, misuse("unexpected argument %q", flags.Arg(0))
	case o.jobs < 1 || o.jobs > MaxJobs:
		return o, misuse("--jobs must be from 1 to %d, got %d", MaxJobs, o.jobs)
	case o.plan == "":
		return o, fault.New(fault.Usage, fmt.Errorf("no plan: neither --plan nor SLIPWAY_PLAN is set"), "tools/bazelw run //services:push -- --dry-run", helpHint)
	}
	return o, nil
}

const helpHint = "tools/bazelw run //tools/slipway -- push --help"

func misuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), helpHint)
}

// PushCommand is "slipway push".
func PushCommand(ctx context.Context, args []string, getenv func(string) string, streams command.Streams) error {
	o, err := parseFlags(args, getenv)
	if err != nil {
		return err
	}
	if o.help {
		_, err := io.WriteString(streams.Out, Usage)
		return err
	}
	j := &Job{Getenv: getenv, Streams: streams, Ledger: report.NewLedger(nil), Jobs: o.jobs}
	if j.Inputs, err = ReadInputs(o.plan, OpenFiles(getenv)); err != nil {
		return err
	}
	if j.Caches, err = OpenCaches(o.caches, getenv); err == nil {
		defer j.Caches.Close() //nolint:errcheck // everything has been read
		err = j.run(ctx, o)
	}
	if err != nil {
		return &command.PlanError{Err: err, Label: j.Label, Pushes: true, Suite: len(j.Suites) > 0}
	}
	return nil
}

func (j *Job) run(ctx context.Context, o options) error {
	decision, err := plan.DecidePush(plan.PushInput{
		Registry: o.registry, Tags: o.tags, Default: j.Registry,
		VariableRegistry: j.Getenv("IMAGE_REGISTRY"), VariableTag: j.Getenv("IMAGE_TAG"),
	})
	if err != nil {
		return err
	}
	j.Decision = plan.Decision{Destination: plan.Registry, Reason: decision.Reason, Registry: decision.Registry}
	j.Tags = decision.Tags
	j.Ledger.Set(func(rep *report.Report) {
		rep.Suite, rep.Destination, rep.Reason, rep.DryRun = j.Label, string(plan.Registry), decision.Reason, o.dryRun
	})
	if err := o.views.Open(j.Getenv); err != nil {
		return err
	}
	j.Progress = command.NewDisplay(j.Streams.Err, j.Getenv)
	defer j.Progress.Close()
	j.Progress.Line("%s; %s", decision, progress.Count(len(j.Images), "image"))
	err = j.deliver(ctx, o.dryRun)
	j.Progress.Close()
	return command.Finish(ctx, j.Ledger, command.Finishing{
		Views: o.views, DryRun: o.dryRun, Getenv: j.Getenv, Streams: j.Streams, Progress: j.Progress,
	}, err)
}

func (j *Job) deliver(ctx context.Context, dryRun bool) error {
	if dryRun {
		return j.DryPush(ctx)
	}
	if err := j.Push(ctx); err != nil {
		return err
	}
	j.PrintReferences(j.Pushed.References)
	return nil
}
