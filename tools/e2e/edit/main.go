// Edit joins manifests into one and replaces texts in it. Each text must be there exactly once: one that is not there any
// more, because its manifest has changed, must not go unnoticed, since nothing would be replaced.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(os.Stderr, "edit: error: %s\n", strings.TrimSuffix(line, "\n"))
		}
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("edit", flag.ContinueOnError)
	flags.SetOutput(stderr)
	label := flags.String("label", "", "the target, for messages")
	replacements := flags.String("replacements", "", "JSON object of text to its replacement")
	output := flags.String("output", "", "the manifest to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	data, err := os.ReadFile(*replacements)
	if err != nil {
		return fmt.Errorf("reading the replacements: %w", err)
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return fmt.Errorf("reading the replacements: %w", err)
	}
	joined, err := join(flags.Args())
	if err != nil {
		return err
	}
	edited, err := edit(joined, texts)
	if err != nil {
		return fmt.Errorf("%s: 'replacements' must be texts that %s has exactly once; %w", *label, strings.Join(flags.Args(), " and "), err)
	}
	return os.WriteFile(*output, []byte(edited), 0o644)
}

// join makes one manifest of all, in their order.
func join(paths []string) (string, error) {
	var parts []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("reading manifest: %w", err)
		}
		parts = append(parts, strings.TrimSuffix(string(data), "\n"))
	}
	return strings.Join(parts, "\n---\n") + "\n", nil
}

// edit replaces the texts at the same time, so that none is looked for in another's replacement.
func edit(manifest string, texts map[string]string) (string, error) {
	var errs []error
	var pairs []string
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if n := strings.Count(manifest, text); n != 1 {
			errs = append(errs, fmt.Errorf("it has %q %d times", text, n))
		}
		pairs = append(pairs, text, texts[text])
	}
	return strings.NewReplacer(pairs...).Replace(manifest), errors.Join(errs...)
}
