// Command sizes measures what several images weigh together, and holds them to limits.
//
//	sizes measure --output=FILE DESCRIPTOR=LAYOUT…   as a build action: layouts are OCI layout directories
//	sizes                                            under `bazel run` and `bazel test`: print the table, fail above a limit
//
// Unpacked is the size of the layers as they lie in a node, which keeps each one once; compressed is what a registry stores: a
// layer as it is, or through gzip at its default level if it is a plain archive. A layer that several images have counts once
// in the total.
//
// Not a goal: the size of a single file in a layer.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Variables that image_sizes in tools/ci/private sets.
const (
	sizesVar      = "IMAGE_SIZES"          // runfiles path of what measure wrote
	unpackedVar   = "IMAGE_MAX_UNPACKED"   // bytes
	compressedVar = "IMAGE_MAX_COMPRESSED" // bytes
)

func main() {
	if err := run(os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sizes: error:", err)
		os.Exit(1)
	}
}

func run(args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) > 0 && args[0] == "measure" {
		return measureAll(args[1:])
	}
	file, err := runfiles.Rlocation(getenv(sizesVar))
	if err != nil {
		return fmt.Errorf("finding runfile %q: %w", getenv(sizesVar), err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var found report
	if err := json.Unmarshal(data, &found); err != nil {
		return fmt.Errorf("decoding %q: %w", file, err)
	}
	limits, err := readLimits(getenv)
	if err != nil {
		return err
	}
	return errors.Join(found.print(stdout, limits), found.check(limits))
}

func measureAll(args []string) error {
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	output := flags.String("output", "", "`file` to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	found, err := measure(flags.Args())
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*output, append(data, '\n'), 0o644)
}
