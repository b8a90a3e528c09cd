// Sbom writes what is in the images of an index, one SPDX 2.3 document (https://spdx.github.io/spdx-spec/v2.3/) for each
// platform: the programs in the image's layers and the Go modules that they are linked from.
//
// It reads the layers as they are delivered, not what they were made of, so that a document cannot be about another binary. The
// modules are those of the binary's build info, as `go version -m` prints them; rules_go writes no sums there, so these are
// go.sum's. A program for another machine than its image's platform is an error. Files that are no programs, which are
// certificates and time zones, are not listed.
//
// Equal images give equal bytes: a document's time is the image's, its namespace follows from the image's digest.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	outputs := map[string]string{}
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	flags.SetOutput(stderr)
	layout := flags.String("layout", "", "the index's OCI layout directory")
	descriptor := flags.String("descriptor", "", "the index's descriptor")
	sums := flags.String("sums", "", "the go.sum of the programs")
	flags.Func("output", "OS/ARCHITECTURE=FILE, a document to write", func(value string) error {
		platform, file, found := strings.Cut(value, "=")
		if !found || file == "" {
			return fmt.Errorf("must be OS/ARCHITECTURE=FILE, got %q", value)
		}
		outputs[platform] = file
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	for name, value := range map[string]string{"layout": *layout, "descriptor": *descriptor, "sums": *sums} {
		if value == "" {
			return fmt.Errorf("--%s is missing", name)
		}
	}
	index, err := readIndex(*descriptor, outputs)
	if err != nil {
		return err
	}
	known, err := readSums(*sums)
	if err != nil {
		return err
	}
	for _, image := range index.Images {
		if err := write(outputs[image.Platform()], source.Layout(*layout), image, known); err != nil {
			return fmt.Errorf("listing what is in %s for %s: %w", image.Label, image.Platform(), err)
		}
	}
	return nil
}

// readIndex holds the platforms that documents are wanted for against those that the index has.
func readIndex(file string, outputs map[string]string) (plan.Index, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return plan.Index{}, fmt.Errorf("reading descriptor: %w", err)
	}
	index, err := plan.DecodeIndex(file, data)
	if err != nil {
		return plan.Index{}, err
	}
	var errs []error
	for _, image := range index.Images {
		if outputs[image.Platform()] == "" {
			errs = append(errs, fmt.Errorf("%s has an image for %s, which nobody wants", index.Label, image.Platform()))
		}
	}
	for platform := range outputs {
		if !slices.ContainsFunc(index.Images, func(d plan.Descriptor) bool { return d.Platform() == platform }) {
			errs = append(errs, fmt.Errorf("%s has no image for %s", index.Label, platform))
		}
	}
	return index, errors.Join(errs...)
}

func write(output string, blobs source.Blobs, image plan.Descriptor, known sums) error {
	programs, err := programsOf(blobs, image)
	if err != nil {
		return err
	}
	document, err := describe(image, programs, known)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(output, append(data, '\n'), 0o644)
}
