// Command emit writes a new service's files where a build action wants them: tools/newservice without a workspace.
//
// It refuses to run unless it is asked for all files but BUILD files, so that a rule's list of outputs cannot lack one.
package main

import (
	"flag"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/kubernaut/kubernaut/tools/newservice/scaffold"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "emit: error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("emit", flag.ContinueOnError)
	name := flags.String("name", "", "the service's name")
	outputs := map[string]string{}
	flags.Func("file", "PATH=OUTPUT, a file's path in a workspace and where to write it", func(value string) error {
		short, output, found := strings.Cut(value, "=")
		if !found {
			return fmt.Errorf("must be PATH=OUTPUT, got %q", value)
		}
		outputs[short] = output
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	service, err := scaffold.New(*name)
	if err != nil {
		return err
	}
	return emit(service, outputs)
}

func emit(service scaffold.Service, outputs map[string]string) error {
	files, err := service.Files()
	if err != nil {
		return err
	}
	for _, file := range files {
		if path.Base(file.Path) == "BUILD.bazel" {
			continue
		}
		output, asked := outputs[file.Path]
		if !asked {
			return fmt.Errorf("the service has a file %s, which is no output", file.Path)
		}
		if err := os.WriteFile(output, file.Data, 0o644); err != nil {
			return err
		}
		delete(outputs, file.Path)
	}
	for short := range outputs {
		return fmt.Errorf("the service has no file %s", short)
	}
	return nil
}
