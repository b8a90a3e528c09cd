package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/slipway/delivery"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/github"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Kinds of registries.
const (
	apiAuto         = "auto"
	apiGitHub       = "github"
	apiDistribution = "distribution"
)

// pruneOptions are the flags of "slipway prune".
type pruneOptions struct {
	plan, registry, api, pulls string
	images                     imageList
	catalog                    bool
	pr, closed                 numbers
	mainAge, grace, maxWait    time.Duration
	mainKeep, jobs             int
	delete, deletePackages     bool
	json, help                 bool
}

// imageList is a flag that may be given several times.
type imageList []string

func (l *imageList) String() string { return strings.Join(*l, ",") }

func (l *imageList) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// numbers are pull requests, separated by commas or given several times.
type numbers []int

func (l *numbers) String() string { return fmt.Sprint([]int(*l)) }

func (l *numbers) Set(value string) error {
	for part := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || strconv.Itoa(n) != part {
			return errors.New("it must be numbers of pull requests, such as 12 or 12,15")
		}
		*l = append(*l, n)
	}
	return nil
}

func (o *pruneOptions) define(flags *flag.FlagSet, getenv func(string) string) {
	flags.StringVar(&o.plan, "plan", getenv("SLIPWAY_PLAN"), "")
	flags.StringVar(&o.registry, "registry", "", "")
	flags.Var(&o.images, "image", "")
	flags.BoolVar(&o.catalog, "catalog", false, "")
	flags.StringVar(&o.api, "api", apiAuto, "")
	flags.StringVar(&o.pulls, "pull-requests", getenv("GITHUB_REPOSITORY"), "")
	flags.Var(&o.pr, "pr", "")
	flags.Var(&o.closed, "closed", "")
	flags.DurationVar(&o.mainAge, "main-age", 14*24*time.Hour, "")
	flags.IntVar(&o.mainKeep, "main-keep", 20, "")
	flags.DurationVar(&o.grace, "grace", 24*time.Hour, "")
	flags.BoolVar(&o.delete, "delete", false, "")
	flags.BoolVar(&o.deletePackages, "delete-packages", false, "")
	flags.BoolVar(&o.json, "json", false, "")
	flags.IntVar(&o.jobs, "jobs", 4, "")
	flags.DurationVar(&o.maxWait, "max-wait", 10*time.Minute, "")
	flags.BoolVar(&o.help, "help", false, "")
	flags.BoolVar(&o.help, "h", false, "")
}

func parsePruneFlags(args []string, getenv func(string) string) (pruneOptions, error) {
	var o pruneOptions
	flags := flag.NewFlagSet("slipway prune", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.define(flags, getenv)
	if err := flags.Parse(args); err != nil {
		return o, pruneMisuse("%v", err)
	}
	if o.help {
		return o, nil
	}
	if flags.NArg() > 0 {
		return o, pruneMisuse("unexpected argument %q", flags.Arg(0))
	}
	return o, o.check()
}

const pruneHelp = "tools/bazelw run //tools/slipway -- prune --help"

func pruneMisuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf(format, args...), pruneHelp)
}

func (o pruneOptions) check() error {
	for _, image := range o.images {
		if err := plan.CheckImage("--image", image); err != nil {
			return err
		}
	}
	switch {
	case o.api != apiAuto && o.api != apiGitHub && o.api != apiDistribution:
		return pruneMisuse("--api must be auto, github or distribution, got %q", o.api)
	case o.pulls != "" && !github.IsRepository(o.pulls):
		return pruneMisuse("--pull-requests, or else GITHUB_REPOSITORY, must be OWNER/NAME, got %q", o.pulls)
	case len(o.pr) > 0 && len(o.closed) > 0:
		return pruneMisuse("--pr and --closed exclude each other")
	case o.catalog && (len(o.images) > 0 || o.api == apiGitHub):
		return pruneMisuse("--catalog excludes --image, and --api=github")
	case o.jobs < 1 || o.jobs > delivery.MaxJobs:
		return pruneMisuse("--jobs must be from 1 to %d, got %d", delivery.MaxJobs, o.jobs)
	case o.mainKeep < 0:
		return pruneMisuse("--main-keep must not be negative, got %d", o.mainKeep)
	}
	for name, d := range map[string]time.Duration{"main-age": o.mainAge, "grace": o.grace, "max-wait": o.maxWait} {
		if d < 0 {
			return pruneMisuse("--%s must not be negative, got %s", name, d)
		}
	}
	return nil
}
