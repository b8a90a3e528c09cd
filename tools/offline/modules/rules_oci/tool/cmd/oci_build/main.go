// The oci_build program does the work of rules_oci's build actions, one subcommand per kind of action:
//
//	oci_build layer LABEL TAR OUTPUT             describe a layer
//	oci_build image SPEC                         build an image
//	oci_build index SPEC                         build an image index
//	oci_build digest LAYOUT OUTPUT               write the digest of a layout's manifest
//	oci_build archive LAYOUT FORMAT TAGS OUTPUT  write the archive that container engines load
//
// A SPEC is a JSON file that the rule wrote. Exit code 1 comes with one line on stderr.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/archive"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/image"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/index"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layer"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rules_oci: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := map[string]struct {
		operands int
		run      func(args []string) error
	}{
		"layer":   {3, describe},
		"image":   {1, buildImage},
		"index":   {1, buildIndex},
		"digest":  {2, digest},
		"archive": {4, pack},
	}
	if len(args) == 0 {
		return errors.New("no subcommand given")
	}
	command, known := commands[args[0]]
	if !known || len(args) != command.operands+1 {
		return fmt.Errorf("no subcommand %q with %d operands", args[0], len(args)-1)
	}
	return command.run(args[1:])
}

func describe(args []string) error {
	label, tar, output := args[0], args[1], args[2]
	d, err := layer.Describe(tar, label)
	if err != nil {
		return fmt.Errorf("%s: %w", label, err)
	}
	return d.WriteFile(output)
}

func buildImage(args []string) error {
	var spec image.Spec
	if err := load(args[0], &spec); err != nil {
		return err
	}
	return named(spec.Label, image.Build(spec))
}

func buildIndex(args []string) error {
	var spec index.Spec
	if err := load(args[0], &spec); err != nil {
		return err
	}
	return named(spec.Label, index.Build(spec))
}

func digest(args []string) error {
	_, root, err := layout.Dir(args[0]).Root()
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], []byte(root.Digest+"\n"), 0o644)
}

func pack(args []string) error {
	tags, err := os.ReadFile(args[2])
	if err != nil {
		return fmt.Errorf("reading tags: %w", err)
	}
	output, err := os.Create(args[3])
	if err != nil {
		return err
	}
	err = archive.Write(output, layout.Dir(args[0]), args[1], strings.Fields(string(tags)))
	return errors.Join(err, output.Close())
}

func load(path string, spec any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	if err := json.Unmarshal(data, spec); err != nil {
		return fmt.Errorf("reading spec %q: %w", path, err)
	}
	return nil
}

func named(label string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", label, err)
}
