package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/kubernaut/kubernaut/tools/slipway/command"
	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/report"
)

// reportCommand shows the reports of earlier runs: as tables, or as one page and one summary of all of them.
func reportCommand(_ context.Context, args []string, getenv func(string) string, streams command.Streams) error {
	var html, summary string
	flags := flag.NewFlagSet("slipway report", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&html, "html", "", "")
	flags.StringVar(&summary, "summary", "", "") // by name alone: the runs have appended theirs
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(streams.Out, usage)
		return err
	} else if err != nil {
		return misuse("%v", err)
	}
	if flags.NArg() == 0 {
		return misuse("report: no file of a report is named")
	}
	var reports []report.Report
	for _, path := range flags.Args() {
		r, err := readReport(command.FromCaller(path, getenv))
		if err != nil {
			return fault.New(fault.Usage, err)
		}
		reports = append(reports, r)
	}
	return showAll(reports, command.FromCaller(html, getenv), command.FromCaller(summary, getenv), streams.Out)
}

func readReport(path string) (report.Report, error) {
	var r report.Report
	data, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("reading report: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("reading report %q: %w", path, err)
	}
	if r.Version != report.Version {
		return r, fmt.Errorf("reading report %q: version %d is not %d", path, r.Version, report.Version)
	}
	return r, nil
}

func showAll(reports []report.Report, html, summary string, out io.Writer) error {
	each := func(write func(report.Report, io.Writer) error) func(report.Report, io.Writer) error {
		return func(_ report.Report, w io.Writer) error {
			for _, r := range reports {
				if err := write(r, w); err != nil {
					return err
				}
			}
			return nil
		}
	}
	page := func(_ report.Report, w io.Writer) error { return report.Page(w, reports...) }
	views := command.WrittenTo([]command.View{
		{Flag: "html", Path: html, Write: page},
		{Flag: "summary", Path: summary, Appended: true, Write: each(report.Report.Markdown)},
	})
	if len(views) == 0 {
		return each(report.Report.Table)(report.Report{}, out)
	}
	for _, v := range views {
		if err := v.Save(report.Report{}); err != nil {
			return fault.New(fault.Usage, fmt.Errorf("writing %s: %w", v.Flag, err))
		}
	}
	return nil
}
