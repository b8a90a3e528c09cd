package command

import (
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/bundle"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// Variable is of the environment: how a person starts the bundle that this program is in: "gateway.bundle/run". It is empty elsewhere.
const Variable = "SLIPWAY_COMMAND"

// InBundle returns the environment in which the bundle that the program is in takes Bazel's place, and getenv itself for a
// program that is in none. A plan by a flag still counts more.
func InBundle(program, workDir string, getenv func(string) string) (func(string) string, error) {
	if program == "" {
		return getenv, nil
	}
	b, found, err := bundle.Of(program)
	if err != nil || !found {
		return getenv, fault.New(fault.Usage, err)
	}
	own := map[string]string{
		"SLIPWAY_PLAN": b.Plan, "RUNFILES_DIR": b.Runfiles(), Variable: b.Command(workDir),
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

// InPlace makes hints fit a bundle: where there is no checkout, tools/bazelw is nothing to type. command is Variable's value.
func InPlace(hints []string, command string) []string {
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
			lines = append(lines, SourceHints(command)...)
		default: // the tool set, which only a checkout has
			lines = append(lines, "cd CHECKOUT && "+hint)
		}
	}
	return lines
}

// SourceHints are the ways in which a bundle gets its images.
func SourceHints(command string) []string {
	return []string{
		"IMAGE_REGISTRY=ghcr.io/OWNER IMAGE_TAG=TAG " + command,
		"BAZEL_REMOTE_CACHE=grpcs://HOST " + command,
	}
}
