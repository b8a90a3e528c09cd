package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/cluster"
	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// command is command.Variable's value.
func (r *runner) command() string { return r.Getenv(command.Variable) }

// again is what runs one suite with arguments.
func (r *runner) again(s suiteInputs, args ...string) string {
	words := []string{"tools/bazelw run", s.Plan.Label}
	switch {
	case r.command() != "" && len(r.in.suites) > 1:
		words = []string{r.command(), "--plan=" + s.Path}
	case r.command() != "":
		words = []string{r.command()}
	case len(args) > 0:
		words = append(words, "--")
	}
	return strings.Join(append(words, args...), " ")
}

// checkSources refuses to make a cluster for images that nobody has: a bundle holds no layers.
func (r *runner) checkSources() error {
	if r.command() == "" || r.Decision.Destination == plan.Registry || len(r.Images) == 0 || r.HasSource() {
		return nil
	}
	return fault.New(fault.Usage, errors.New("a bundle holds no image layers, and nothing says where they are: set IMAGE_REGISTRY and IMAGE_TAG, or BAZEL_REMOTE_CACHE, or give --disk-cache"),
		command.SourceHints(r.command())...)
}

// explainEngine says what a bundle needs of the machine.
func (r *runner) explainEngine(err error) error {
	if r.command() == "" || !errors.Is(err, cluster.ErrNoEngine) {
		return err
	}
	return fmt.Errorf("%w; a bundle brings none: one must run that has the node image %s or can pull it", err, r.in.nodeImage.Reference)
}
