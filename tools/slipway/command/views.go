package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// View is one file that a report is written to.
type View struct {
	Flag, Path string
	Appended   bool
	Write      func(report.Report, io.Writer) error
}

// Views are the files that a command's flags name, "" where none does.
type Views struct {
	Report  string // JSON
	HTML    string // one page
	Summary string // Markdown, appended
}

func (v Views) views(getenv func(string) string) []View {
	return WrittenTo([]View{
		{"report", FromCaller(v.Report, getenv), false, report.Report.JSON},
		{"html", FromCaller(v.HTML, getenv), false, report.Report.HTML},
		{"summary", FromCaller(v.Summary, getenv), true, report.Report.Markdown},
	})
}

// WrittenTo drops views that nobody asked for.
func WrittenTo(all []View) []View {
	var wanted []View
	for _, v := range all {
		if v.Path != "" {
			wanted = append(wanted, v)
		}
	}
	return wanted
}

// Open refuses paths that cannot be written while nothing has been touched, and empties the report of an earlier run.
func (v Views) Open(getenv func(string) string) error {
	for _, v := range v.views(getenv) {
		file, err := v.open()
		if err != nil {
			return fault.New(fault.Usage, fmt.Errorf("creating %s: %w", v.Flag, err), fmt.Sprintf("--%s=/var/tmp/slipway.%s", v.Flag, v.Flag))
		}
		file.Close()
	}
	return nil
}

func (v Views) write(rep report.Report, getenv func(string) string) error {
	var errs []error
	for _, v := range v.views(getenv) {
		errs = append(errs, v.Save(rep))
	}
	return errors.Join(errs...)
}

func (v View) open() (*os.File, error) {
	if v.Appended {
		return os.OpenFile(v.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	}
	return os.Create(v.Path)
}

// Save writes the report.
func (v View) Save(rep report.Report) error {
	file, err := v.open()
	if err != nil {
		return err
	}
	return errors.Join(v.Write(rep, file), file.Close())
}
