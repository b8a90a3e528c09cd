// Command newservice writes a new HTTP service, its manifest and its end-to-end suite into the workspace.
//
//	tools/bazelw run //tools/newservice -- --name=foo
//
// It prints one line a file. After an error nothing is written. Exit status 0 done, 1 not written, 2 usage.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/kubernaut/kubernaut/tools/newservice/scaffold"
)

const usage = `usage: tools/bazelw run //tools/newservice -- --name=NAME [--dry-run]

Writes services/NAME and test/e2e/NAME, and adds the suite to test/e2e/BUILD.bazel.

`

func main() { os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)) }

func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("newservice", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("name", "", "the service's name: lower-case letters, digits and dashes, first a letter")
	dryRun := flags.Bool("dry-run", false, "print the files instead of writing them")
	workspace := flags.String("workspace", getenv("BUILD_WORKSPACE_DIRECTORY"), "the folder with MODULE.bazel; bazel run sets the default")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err == nil && *workspace == "" {
		err = errors.New("the workspace is not known: BUILD_WORKSPACE_DIRECTORY is not set")
	}
	var service scaffold.Service
	if err == nil {
		service, err = scaffold.New(*name)
	}
	if err != nil {
		return report(stderr, err, 2)
	}
	if err := create(service, *workspace, *dryRun, stdout); err != nil {
		return report(stderr, fmt.Errorf("creating service %q: %w", *name, err), 1)
	}
	if !*dryRun {
		fmt.Fprintf(stderr, "newservice: next: tools/bazelw test //services/%s/...\n"+
			"newservice: next: tools/bazelw run //test/e2e:%s\n"+
			"newservice: next: tools/bazelw run //test/e2e:matrix\n", *name, *name)
	}
	return 0
}

func report(stderr io.Writer, err error, code int) int {
	fmt.Fprintf(stderr, "newservice: error: %v\n", err)
	hint := "tools/bazelw run //tools/newservice -- --name=order-book"
	if code != 2 {
		hint = "look at git status services test/e2e, or choose another name"
	}
	fmt.Fprintf(stderr, "newservice: hint: %s\n", hint)
	return code
}

// create writes the service, or prints it: each file's path between dashes, then the file.
func create(service scaffold.Service, workspace string, dryRun bool, stdout io.Writer) error {
	change, err := service.Change(workspace)
	if err != nil {
		return err
	}
	if dryRun {
		for _, file := range change {
			fmt.Fprintf(stdout, "-- %s --\n%s", file.Path, file.Data)
		}
		return nil
	}
	if err := service.Write(workspace, change); err != nil {
		return err
	}
	for _, file := range change {
		fmt.Fprintln(stdout, file.Path)
	}
	return nil
}
