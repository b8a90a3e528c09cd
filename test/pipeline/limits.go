package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/ci/workflows/expression"

	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
)

// The arguments of the file's scripts that are bounded.
const (
	allTests     = "--config=ci //..."
	clusterTests = "//test/e2e/faults/... //test/e2e/delivery/... //test/e2e/bundle/..."
)

// limits bound how long a run takes.
type limits struct {
	suites         []string // nil is gateway alone; empty is all
	tests, cluster string   // targets instead of allTests and clusterTests
	left           []string // suites that were left out, of the last event
}

func (l *limits) setSuites(value string) error {
	l.suites = strings.Split(value, ",")
	if value == "all" {
		l.suites = []string{}
	}
	return nil
}

// choose is of the e2e job's matrix; all other instances run.
func (l *limits) choose(i workflow.Instance) bool {
	if i.Matrix == nil {
		return true
	}
	suites := l.suites
	if suites == nil {
		suites = []string{"gateway"}
	}
	suite := expression.String(i.Matrix["suite"])
	if len(suites) == 0 || slices.Contains(suites, suite) {
		return true
	}
	l.left = append(l.left, suite)
	return false
}

// edit replaces targets of a script.
func (l *limits) edit(script string) string {
	script = strings.Replace(script, allTests, "--config=ci "+l.tests, 1)
	return strings.Replace(script, clusterTests, l.cluster, 1)
}

// String says what a run has left out.
func (l *limits) String() string {
	return fmt.Sprintf("left out: tests but %s; with a cluster but %s; suites %s", l.tests, l.cluster, strings.Join(l.left, ", "))
}
