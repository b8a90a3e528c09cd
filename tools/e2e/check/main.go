// Check holds a suite's manifests against its images and, only when they agree, writes the suite's plan. It also refuses
// what would keep the suite from running beside others: see manifest.CheckCopy.
//
// It is the build's guard: the plan that slipway runs is this program's output, so that no suite can run unchecked.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/manifest"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(os.Stderr, "check: error: %s\n", strings.TrimSuffix(line, "\n"))
		}
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	draft := flags.String("draft", "", "the plan to check")
	output := flags.String("output", "", "the plan to write")
	var files []manifest.File
	flags.Func("manifest", "SHORT=FILE, a manifest's workspace path and where it is", func(value string) error {
		short, path, found := strings.Cut(value, "=")
		if !found {
			return fmt.Errorf("must be SHORT=FILE, got %q", value)
		}
		data, err := os.ReadFile(path)
		files = append(files, manifest.File{Short: short, Data: data})
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(*draft)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	suite, err := plan.Decode(*draft, data)
	if err != nil {
		return err
	}
	if err := check(suite, files); err != nil {
		return err
	}
	return os.WriteFile(*output, data, 0o644)
}

// check reports every fault of every manifest, one a line, each with the suite's label.
func check(suite plan.Plan, files []manifest.File) error {
	var names []string
	for _, image := range suite.Images {
		names = append(names, image.Name)
	}
	var objects []manifest.Object
	var errs []error
	for _, file := range files {
		found, err := manifest.Parse(file)
		errs = append(errs, err, manifest.CheckImages(found, names))
		objects = append(objects, found...)
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, checkExpose(suite, objects), manifest.CheckCopy(objects, suite.Namespace, suite.Name))
	}
	var lines []error
	if err := errors.Join(errs...); err != nil {
		for line := range strings.Lines(err.Error()) {
			lines = append(lines, fmt.Errorf("%s: %s", suite.Label, strings.TrimSuffix(line, "\n")))
		}
	}
	return errors.Join(lines...)
}

// checkExpose reports exposed Services that no manifest has. Ports are for the deployment, which knows the types.
func checkExpose(suite plan.Plan, objects []manifest.Object) error {
	services := map[string]bool{}
	for _, object := range objects {
		metadata, _ := object.Content["metadata"].(map[string]any)
		if name, ok := metadata["name"].(string); ok && object.Kind() == "Service" && object.Group() == "" {
			services[name] = true
		}
	}
	var errs []error
	for _, e := range suite.Expose {
		if !services[e.Service] {
			errs = append(errs, fmt.Errorf("exposing service %q as %s: the manifests have no such service", e.Service, e.Env))
		}
	}
	return errors.Join(errs...)
}
