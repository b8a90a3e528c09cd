package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// maxHints is how many hints an error has at most.
const maxHints = 2

// Code is the exit code that err leads to: 130 when ctx ended, 2 for bad input, else the one that the error names.
func Code(ctx context.Context, err error) int {
	var input *plan.InputError
	switch {
	case ctx.Err() != nil:
		return fault.Interrupted
	case errors.As(err, &input):
		return fault.Usage
	}
	return fault.Code(err)
}

// Complain prints the error on one line, whatever it holds, then its details and its hints. command is Variable's value.
func Complain(w io.Writer, err error, command string) {
	text, details := apart(err.Error())
	fmt.Fprintf(w, "slipway: error: %s\n", OneLine(text))
	for _, detail := range details {
		fmt.Fprintf(w, "  %s\n", detail)
	}
	list := InPlace(hints(err), command)
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

// OneLine joins the lines of errors.Join.
func OneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// PlanError is an error of a run, or of a push, whose plan is known.
type PlanError struct {
	Err    error
	Label  string // the plan's target
	Pushes bool   // nothing but the registry will do
	To     string // how to name another registry; "" is --registry=localhost:5001/kubernaut
	Suite  bool   // it pushes a suite's images: the suite's target wants the command's name
}

func (e *PlanError) Error() string { return e.Err.Error() }
func (e *PlanError) Unwrap() error { return e.Err }

// EvidenceError is an error whose evidence has been written.
type EvidenceError struct {
	Err    error
	Folder string
}

func (e *EvidenceError) Error() string { return e.Err.Error() }
func (e *EvidenceError) Unwrap() error { return e.Err }

// hints returns complete lines to type. Packages that do not know the suite hint at a flag alone, such as
// "--destination=kind"; here it becomes the command that runs the suite with it.
func hints(err error) []string {
	target := "//tools/slipway"
	var suite *PlanError
	if errors.As(err, &suite) {
		target = suite.Label
	}
	command := ""
	if suite != nil && suite.Suite {
		command = "push "
	}
	var lines []string
	for _, hint := range actions(err) {
		if strings.HasPrefix(hint, "--") {
			hint = "tools/bazelw run " + target + " -- " + command + hint
		}
		lines = append(lines, hint)
	}
	var evidence *EvidenceError
	if errors.As(err, &evidence) {
		lines = append(lines, "ls -R "+evidence.Folder)
	}
	return lines
}

// elsewhere is how to do without the registry.
func elsewhere(err error) string {
	var suite *PlanError
	if errors.As(err, &suite) && suite.Pushes {
		return cmp.Or(suite.To, "--registry=localhost:5001/kubernaut")
	}
	return "--destination=kind"
}

// unreached are the hints for a registry that does not answer. A release does not look at the variables.
func unreached(err error) []string {
	var suite *PlanError
	if errors.As(err, &suite) && suite.To != "" {
		return []string{suite.To}
	}
	return []string{elsewhere(err), "unset IMAGE_REGISTRY IMAGE_TAG"}
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
		return unreached(err)
	case errors.As(err, &missing):
		return []string{missing.Command()}
	case errors.As(err, &corrupt):
		return []string{corrupt.Command()}
	}
	if errors.As(err, &file) && errors.Is(file.Err, syscall.ENOSPC) { // logs, which others hint at, cannot be written either
		return []string{"df -h " + filepath.Dir(file.Path)}
	}
	return fault.Hints(err)
}
