// Generate runs controller-gen on one Go package for the build: the package's custom resource definitions become one
// YAML stream, its deep copies one Go file.
//
// controller-gen asks `go list` for packages. Here `go list` sees a GOPATH that is unpacked from an archive of the
// package's transitive sources, the build's own Go SDK, and an empty home: no module mode, no proxy, no cache and no
// setting of the machine. Every path that it meets is below a folder that is gone afterwards, and none gets into an
// output. Nothing is compiled, so that deep copies which are missing or stale do not keep new ones from being made.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "generate: error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	var g generation
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&g.controllerGen, "controller-gen", "", "the controller-gen `program`")
	flags.StringVar(&g.goroot, "goroot", "", "the `folder` of the Go SDK")
	flags.StringVar(&g.goos, "goos", "", "the operating `system` whose files are read, e.g. linux")
	flags.StringVar(&g.goarch, "goarch", "", "the `architecture` whose files are read, e.g. amd64")
	flags.StringVar(&g.sources, "sources", "", "zip `archive` of a GOPATH with the package and all that it imports")
	flags.StringVar(&g.pkg, "package", "", "import `path` of the package")
	flags.BoolVar(&g.dangerousTypes, "allow-dangerous-types", false, "whether fields may be floating point numbers")
	flags.StringVar(&g.definitions, "definitions", "", "the YAML `file` to write")
	flags.StringVar(&g.deepcopy, "deepcopy", "", "the Go `file` to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected arguments %q", flags.Args())
	}
	if err := missing(flags); err != nil {
		return err
	}
	return g.run(stderr)
}

// missing returns an error that names the first flag without a value: all are required.
func missing(flags *flag.FlagSet) error {
	var err error
	flags.VisitAll(func(f *flag.Flag) {
		if err == nil && f.Value.String() == "" {
			err = fmt.Errorf("--%s is missing", f.Name)
		}
	})
	return err
}
