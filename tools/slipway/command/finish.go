package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// NewDisplay shows progress as the terminal, or the file, that w is can show it.
func NewDisplay(w io.Writer, getenv func(string) string) *progress.Display {
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd())) && getenv("TERM") != "dumb"
	return progress.New(w, progress.Options{Terminal: terminal, Color: terminal && getenv("NO_COLOR") == ""})
}

// Finishing is where a report goes.
type Finishing struct {
	Views    Views
	DryRun   bool // no table
	Getenv   func(string) string
	Streams  Streams
	Progress progress.Reporter
}

// Finish prints the report's table and writes its files. It returns the run's error, or its own when there is none.
func Finish(ctx context.Context, ledger *report.Ledger, to Finishing, err error) error {
	if ctx.Err() != nil {
		err = interrupted(err)
	}
	exit := fault.Passed
	if err != nil {
		exit = Code(ctx, err)
	}
	rep := ledger.Finish(exit, err)
	if !to.DryRun {
		rep.Table(to.Streams.Err)
	}
	failed := to.Views.write(rep, to.Getenv)
	switch {
	case failed == nil:
		return err
	case err == nil:
		return fault.New(fault.Delivery, fmt.Errorf("writing report: %w", failed))
	}
	to.Progress.Line("slipway: warning: writing report: %v", failed)
	return err
}

// interrupted says what the signal hit, when that says more than that there was one.
func interrupted(err error) error {
	if err == nil || strings.TrimSpace(err.Error()) == context.Canceled.Error() {
		return fault.New(fault.Interrupted, errors.New("interrupted"))
	}
	return fault.New(fault.Interrupted, fmt.Errorf("interrupted: %w", err))
}
