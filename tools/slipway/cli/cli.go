// Package cli is slipway's command line: it reads flags and environment, puts the other packages together, and turns
// their errors into messages and exit codes.
//
// stdout holds results alone: one "<image> <reference by digest>" for each image. Everything else, the test's own output
// included, goes to stderr. A failure is printed once, here, as one "slipway: error:" line and at most two
// "slipway: hint:" lines, which are things to type.
//
// No other package reads arguments or the environment, and none exits the process.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

const maxHints = 2

// Streams are the process's output. There is no input.
type Streams struct {
	Out io.Writer // results
	Err io.Writer // everything else
}

// Main runs the command line and returns the exit code: 0 passed, 1 tests failed, 2 usage or plan, 3 delivery or cluster,
// 130 when ctx ended. getenv is os.Getenv outside of tests.
func Main(ctx context.Context, args []string, getenv func(string) string, streams Streams) int {
	program, _ := os.Executable() // one that is not known is in no bundle
	return runIn(ctx, program, args, getenv, streams, realSteps())
}

// runIn runs in the bundle of a program, if there is one.
func runIn(ctx context.Context, program string, args []string, getenv func(string) string, streams Streams, steps steps) int {
	workDir, _ := os.Getwd() // without one, hints name the bundle by its whole path
	inner, err := inBundle(program, workDir, getenv)
	if err != nil {
		complain(streams.Err, err, "")
		return code(ctx, err)
	}
	return run(ctx, args, inner, streams, steps)
}

func run(ctx context.Context, args []string, getenv func(string) string, streams Streams, steps steps) int {
	command, args := command(args)
	var err error
	switch command {
	case "version":
		fmt.Fprintln(streams.Out, version())
	case "help":
		io.WriteString(streams.Out, usage)
	case "report":
		err = reportCommand(args, getenv, streams)
	case "run":
		err = runCommand(ctx, args, getenv, streams, steps)
	case "push":
		err = pushCommand(ctx, args, getenv, streams)
	default:
		err = fault.New(fault.Usage, fmt.Errorf("unknown command %q", command), "--help")
	}
	if err == nil {
		return fault.Passed
	}
	complain(streams.Err, err, getenv(commandVar))
	return code(ctx, err)
}

// command splits the subcommand off. Without one it is run, so that a suite's target needs none.
func command(args []string) (string, []string) {
	if len(args) == 0 || args[0] == "--" {
		return "run", args
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return "help", nil
	case "-version", "--version":
		return "version", nil
	}
	if strings.HasPrefix(args[0], "-") {
		return "run", args
	}
	return args[0], args[1:]
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "slipway (devel)"
	}
	return "slipway " + info.Main.Version
}

func code(ctx context.Context, err error) int {
	var input *plan.InputError
	switch {
	case ctx.Err() != nil:
		return fault.Interrupted
	case errors.As(err, &input):
		return fault.Usage
	}
	return fault.Code(err)
}

// complain prints the error on one line, whatever it holds, then its details and its hints. command is commandVar's value.
func complain(w io.Writer, err error, command string) {
	text, details := apart(err.Error())
	fmt.Fprintf(w, "slipway: error: %s\n", oneLine(text))
	for _, detail := range details {
		fmt.Fprintf(w, "  %s\n", detail)
	}
	list := inPlace(hints(err), command)
	for _, hint := range list[:min(len(list), maxHints)] {
		fmt.Fprintf(w, "slipway: hint: %s\n", hint)
	}
}

// apart takes the indented lines out of the text: events and log lines of a pod, which would bury the message.
func apart(text string) (message string, details []string) {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if detail := strings.TrimSpace(line); strings.HasPrefix(line, "    ") && detail != "" {
			details = append(details, detail)
			continue
		}
		kept.WriteString(line)
	}
	return kept.String(), details
}

// oneLine joins the lines of errors.Join.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// suiteError is an error of a run, or of a push, whose plan is known.
type suiteError struct {
	error
	label  string // the suite's, from the plan
	pushes bool   // nothing but the registry will do
	suite  bool   // it pushes a suite's images: the suite's target wants the command's name
}

func (e *suiteError) Unwrap() error { return e.error }

// exported is an error whose evidence has been written.
type exported struct {
	error
	folder string
}

func (e *exported) Unwrap() error { return e.error }

// hints returns complete lines to type. Packages that do not know the suite hint at a flag alone, such as
// "--destination=kind"; here it becomes the command that runs the suite with it.
func hints(err error) []string {
	target := "//tools/slipway"
	var suite *suiteError
	if errors.As(err, &suite) {
		target = suite.label
	}
	command := ""
	if suite != nil && suite.suite {
		command = "push "
	}
	var lines []string
	for _, hint := range actions(err) {
		if strings.HasPrefix(hint, "--") {
			hint = "tools/bazelw run " + target + " -- " + command + hint
		}
		lines = append(lines, hint)
	}
	var evidence *exported
	if errors.As(err, &evidence) {
		lines = append(lines, "ls -R "+evidence.folder)
	}
	return lines
}

// elsewhere is how to do without the registry.
func elsewhere(err error) string {
	var suite *suiteError
	if errors.As(err, &suite) && suite.pushes {
		return "--registry=localhost:5001/kubernaut"
	}
	return "--destination=kind"
}

func actions(err error) []string {
	var input *plan.InputError
	var denied *registry.DeniedError
	var unreachable *registry.UnreachableError
	var missing *source.MissingError
	var corrupt *source.CorruptError
	var file *fs.PathError
	switch {
	case errors.As(err, &input):
		return input.Hints
	case errors.As(err, &denied):
		return []string{"docker login " + denied.Registry(), elsewhere(err)}
	case errors.As(err, &unreachable):
		return []string{elsewhere(err), "unset IMAGE_REGISTRY IMAGE_TAG"}
	case errors.As(err, &missing):
		return []string{missing.Command()}
	case errors.As(err, &corrupt): // Bazel has written other bytes than it says, or somebody has since
		return []string{"tools/bazelw clean"}
	}
	if errors.As(err, &file) && errors.Is(file.Err, syscall.ENOSPC) { // logs, which others hint at, cannot be written either
		return []string{"df -h " + filepath.Dir(file.Path)}
	}
	return fault.Hints(err)
}
