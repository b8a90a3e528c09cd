package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/bundle"
	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// commandVar is how a person starts the bundle that this program is in: "gateway.bundle/run". It is empty elsewhere.
const commandVar = "SLIPWAY_COMMAND"

// inBundle returns the environment in which the bundle that the program is in takes Bazel's place, and getenv itself for a
// program that is in none. A plan by a flag still counts more.
func inBundle(program, workDir string, getenv func(string) string) (func(string) string, error) {
	if program == "" {
		return getenv, nil
	}
	b, found, err := bundle.Of(program)
	if err != nil || !found {
		return getenv, fault.New(fault.Usage, err)
	}
	own := map[string]string{
		"SLIPWAY_PLAN": b.Plan, "RUNFILES_DIR": b.Runfiles(), commandVar: b.Command(workDir),
		// Those of a Bazel that has started us and has nothing to do with the bundle.
		"BUILD_WORKING_DIRECTORY": "", "BUILD_WORKSPACE_DIRECTORY": "", "TEST_SRCDIR": "",
	}
	return func(name string) string {
		if value, ours := own[name]; ours {
			return value
		}
		return getenv(name)
	}, nil
}

// command is commandVar's value.
func (r *runner) command() string { return r.getenv(commandVar) }

// again is what runs one suite with arguments.
func (r *runner) again(s suiteInputs, args ...string) string {
	words := []string{"tools/bazelw run", s.plan.Label}
	switch {
	case r.command() != "" && len(r.in.suites) > 1:
		words = []string{r.command(), "--plan=" + s.path}
	case r.command() != "":
		words = []string{r.command()}
	case len(args) > 0:
		words = append(words, "--")
	}
	return strings.Join(append(words, args...), " ")
}

// inPlace makes hints fit a bundle: where there is no checkout, tools/bazelw is nothing to type. command is commandVar's value.
func inPlace(hints []string, command string) []string {
	if command == "" {
		return hints
	}
	var lines []string
	for _, hint := range hints {
		rest, isBazel := strings.CutPrefix(hint, "tools/bazelw ")
		verb, _, _ := strings.Cut(rest, " ")
		_, flags, _ := strings.Cut(rest, " -- ")
		switch {
		case !isBazel:
			lines = append(lines, hint)
		case verb == "run":
			lines = append(lines, strings.TrimSpace(command+" "+flags))
		case verb == "build" || verb == "clean": // what would bring or mend a layer
			lines = append(lines, sourceHints(command)...)
		default: // the tool set, which only a checkout has
			lines = append(lines, "cd CHECKOUT && "+hint)
		}
	}
	return lines
}

// sourceHints are the ways in which a bundle gets its images.
func sourceHints(command string) []string {
	return []string{
		"IMAGE_REGISTRY=ghcr.io/OWNER IMAGE_TAG=TAG " + command,
		"BAZEL_REMOTE_CACHE=grpcs://HOST " + command,
	}
}

// checkSources refuses to make a cluster for images that nobody has: a bundle holds no layers.
func (r *runner) checkSources() error {
	if r.command() == "" || r.decision.Destination == plan.Registry || len(r.in.images) == 0 || r.hasSource() {
		return nil
	}
	return fault.New(fault.Usage, errors.New("a bundle holds no image layers, and nothing says where they are: set IMAGE_REGISTRY and IMAGE_TAG, or BAZEL_REMOTE_CACHE, or give --disk-cache"),
		sourceHints(r.command())...)
}

// explainEngine says what a bundle needs of the machine.
func (r *runner) explainEngine(err error) error {
	if r.command() == "" || !errors.Is(err, cluster.ErrNoEngine) {
		return err
	}
	return fmt.Errorf("%w; a bundle brings none: one must run that has the node image %s or can pull it", err, r.in.nodeImage.Reference)
}
