package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// view is one file that the report is written to.
type view struct {
	flag, path string
	appended   bool
	write      func(report.Report, io.Writer) error
}

func (r *runner) views() []view {
	return writtenTo([]view{
		{"report", fromCaller(r.options.report, r.getenv), false, report.Report.JSON},
		{"html", fromCaller(r.options.html, r.getenv), false, report.Report.HTML},
		{"summary", fromCaller(r.options.summary, r.getenv), true, report.Report.Markdown},
	})
}

// writtenTo drops views that nobody asked for.
func writtenTo(all []view) []view {
	var wanted []view
	for _, v := range all {
		if v.path != "" {
			wanted = append(wanted, v)
		}
	}
	return wanted
}

// openViews refuses paths that cannot be written while nothing has been touched, and empties the report of an earlier run.
func (r *runner) openViews() error {
	for _, v := range r.views() {
		file, err := v.open()
		if err != nil {
			return fault.New(fault.Usage, fmt.Errorf("creating %s: %w", v.flag, err), fmt.Sprintf("--%s=/var/tmp/slipway.%s", v.flag, v.flag))
		}
		file.Close()
	}
	return nil
}

func (r *runner) writeViews(rep report.Report) error {
	var errs []error
	for _, v := range r.views() {
		errs = append(errs, v.save(rep))
	}
	return errors.Join(errs...)
}

func (v view) open() (*os.File, error) {
	if v.appended {
		return os.OpenFile(v.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	}
	return os.Create(v.path)
}

func (v view) save(rep report.Report) error {
	file, err := v.open()
	if err != nil {
		return err
	}
	return errors.Join(v.write(rep, file), file.Close())
}
