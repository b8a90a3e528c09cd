// Command matrix writes which end-to-end suite needs which service, from what suite_graph in tools/ci/private read of the
// build graph, or compares it with the committed file.
//
//	tools/bazelw run //test/e2e:matrix     write it into the workspace
//	tools/bazelw test //test/e2e:matrix_test
//
// The file is a function of the graph alone: no time, no machine, no flag. It is written even when the graph has faults, so
// that it can be looked at; the faults are reported and the exit status is 1 all the same.
//
// Not a goal: reading BUILD files. What the graph does not say is not in the matrix.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Variables that the rules of tools/ci/private and Bazel set.
const (
	graphVar     = "MATRIX_GRAPH"     // runfiles path of the graph
	committedVar = "MATRIX_COMMITTED" // runfiles path of the file to compare with; unset, the file is written
	workspaceVar = "BUILD_WORKSPACE_DIRECTORY"
)

func main() {
	err := run(os.Getenv, runfiles.Rlocation)
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		if hint, found := strings.CutPrefix(line, hintPrefix); found {
			fmt.Fprintf(os.Stderr, "matrix: hint: %s\n", hint)
			continue
		}
		fmt.Fprintf(os.Stderr, "matrix: error: %s\n", line)
	}
	os.Exit(1)
}

// run finds files by locate, which maps runfiles paths to files.
func run(getenv func(string) string, locate func(string) (string, error)) error {
	data, err := read(getenv(graphVar), locate)
	if err != nil {
		return err
	}
	g, err := decode(data)
	if err != nil {
		return err
	}
	text := render(g)
	if committed := getenv(committedVar); committed != "" {
		data, err := read(committed, locate)
		if err != nil {
			return err
		}
		return errors.Join(faults(g), compare(g, string(data), text))
	}
	workspace := getenv(workspaceVar)
	if workspace == "" {
		return fmt.Errorf("writing %s: %s is not set\n%stools/bazelw run %s", g.File, workspaceVar, hintPrefix, g.Command)
	}
	return errors.Join(os.WriteFile(filepath.Join(workspace, g.File), []byte(text), 0o644), faults(g))
}

func read(path string, locate func(string) (string, error)) ([]byte, error) {
	file, err := locate(path)
	if err != nil {
		return nil, fmt.Errorf("finding runfile %q: %w", path, err)
	}
	return os.ReadFile(file)
}
