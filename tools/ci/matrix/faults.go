package main

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// hintPrefix begins an error's line that is something to type, not a cause.
const hintPrefix = "hint: "

// faults reports every service without a suite. A service without an image has not come this far: service_list refuses it.
func faults(g graph) error {
	var errs []error
	for _, s := range g.Services {
		if len(g.suitesOf(s)) == 0 {
			errs = append(errs, fmt.Errorf("service %q is in no suite\n"+
				"%sadd to %s: service_suite(name = \"%s\"), or %s to the `uses` or `images` of a suite that needs it",
				s.Name, hintPrefix, path.Join(path.Dir(g.File), "BUILD.bazel"), s.Name, s.Name))
		}
	}
	return errors.Join(errs...)
}

// suitesOf returns the names of the suites that run a service.
func (g graph) suitesOf(of service) []string {
	var names []string
	for _, s := range g.Suites {
		if s.runs(of) {
			names = append(names, s.Name)
		}
	}
	return names
}

// compare reports the first line in which the committed file differs from the graph's.
func compare(g graph, committed, text string) error {
	if committed == text {
		return nil
	}
	got, want := strings.Split(committed, "\n"), strings.Split(text, "\n")
	for i := range max(len(got), len(want)) {
		if a, b := line(got, i), line(want, i); a != b {
			return fmt.Errorf("%s:%d is stale: has %s, the build graph says %s\n%stools/bazelw run %s", g.File, i+1, a, b, hintPrefix, g.Command)
		}
	}
	return nil
}

func line(lines []string, i int) string {
	if i >= len(lines) {
		return "nothing"
	}
	return fmt.Sprintf("%q", lines[i])
}
