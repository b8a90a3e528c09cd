package cli

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// suitesPerProcessor: a suite mostly waits, for pods to start and for controllers to act. Eight suites on two busy processors
// took 80 s two at a time, 56 s four, and 50 s eight, but then a test of 3 s took 10 s.
const suitesPerProcessor = 2

// options are flags and what the environment gives in their place.
type options struct {
	plan        string
	destination plan.Destination
	fallback    plan.Fallback
	archive     bool
	fresh       bool
	keep        bool
	keepReused  bool // --keep was not given: a cluster that was there before stays
	engine      string
	dryRun      bool
	views       command.Views
	budget      int64 // bytes of disk; 0: none
	output      string
	caches      delivery.CacheOptions
	jobs        int
	atOnce      int           // suites
	timeout     time.Duration // 0 is the plan's
	testArgs    []string
	help        bool
}

func parseFlags(args []string, getenv func(string) string) (options, error) {
	var o options
	var destination, fallback, load, budget string
	flags := flag.NewFlagSet("slipway", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plan, "plan", getenv("SLIPWAY_PLAN"), "")
	flags.StringVar(&destination, "destination", string(plan.Auto), "")
	flags.StringVar(&fallback, "fallback", string(plan.FallbackKind), "")
	flags.StringVar(&load, "load", "delta", "")
	flags.BoolVar(&o.fresh, "fresh", false, "")
	flags.BoolVar(&o.keep, "keep", getenv("CI") == "" && getenv("TEST_TARGET") == "", "")
	flags.StringVar(&o.engine, "engine", "", "")
	flags.BoolVar(&o.dryRun, "dry-run", false, "")
	flags.StringVar(&o.views.Report, "report", "", "")
	flags.StringVar(&o.views.HTML, "html", "", "")
	flags.StringVar(&o.views.Summary, "summary", getenv("GITHUB_STEP_SUMMARY"), "")
	flags.StringVar(&budget, "disk-budget", "", "")
	flags.StringVar(&o.output, "output", "", "")
	o.caches.Define(flags)
	flags.IntVar(&o.jobs, "jobs", 4, "")
	flags.IntVar(&o.atOnce, "suites-at-once", suitesPerProcessor*runtime.NumCPU(), "")
	flags.DurationVar(&o.timeout, "timeout", 0, "")
	flags.BoolVar(&o.help, "help", false, "")
	flags.BoolVar(&o.help, "h", false, "")
	mine, rest := split(args)
	if err := flags.Parse(mine); err != nil {
		return o, misuse("%v", err)
	}
	o.keepReused = true
	flags.Visit(func(f *flag.Flag) { o.keepReused = o.keepReused && f.Name != "keep" })
	if flags.NArg() > 0 {
		return o, misuse("unexpected argument %q; the test's arguments follow --", flags.Arg(0))
	}
	o.destination, o.fallback, o.archive, o.testArgs = plan.Destination(destination), plan.Fallback(fallback), load == "archive", rest
	if budget != "" {
		size, err := parseSize(budget)
		if err != nil {
			return o, misuse("--disk-budget must be %v", err)
		}
		o.budget = size
	}
	return o, o.check(load)
}

// split divides at the first "--", which package flag would swallow together with what is left of it.
func split(args []string) (mine, test []string) {
	for i, arg := range args {
		if arg == "--" {
			return args[:i], args[i+1:]
		}
	}
	return args, nil
}

func (o options) check(load string) error {
	switch {
	case o.help:
		return nil
	case load != "delta" && load != "archive":
		return misuse("--load must be delta or archive, got %q", load)
	case o.engine != "" && o.engine != "docker" && o.engine != "podman":
		return misuse("--engine must be docker or podman, got %q", o.engine)
	case o.jobs < 1 || o.jobs > delivery.MaxJobs:
		return misuse("--jobs must be from 1 to %d, got %d", delivery.MaxJobs, o.jobs)
	case o.atOnce < 1:
		return misuse("--suites-at-once must be at least 1, got %d", o.atOnce)
	case o.timeout < 0:
		return misuse("--timeout must not be negative, got %s", o.timeout)
	case o.plan == "":
		return fault.New(fault.Usage, fmt.Errorf("no plan: neither --plan nor SLIPWAY_PLAN is set"), "tools/bazelw run //test/e2e:gateway", "--help")
	}
	return nil
}

func misuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), "--help")
}
