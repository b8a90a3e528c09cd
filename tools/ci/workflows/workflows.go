// Package workflows holds .github/workflows to rules, which its test checks for every file there.
//
// A workflow cannot be run before it is merged, so what can be known about it beforehand is tested: actionlint checks syntax,
// types of expressions and inputs of actions; the rules here are those of zizmor (https://docs.zizmor.sh/audits/) that concern
// this repository, most of them stricter, and a few of our own. There is no way to switch a rule off for a line.
//
// What a run does with the files is the test of //test/pipeline, which evaluates the same expressions.
package workflows

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// File is a workflow.
type File struct {
	Name string // "ci-pipeline.yml"
	*actionlint.Workflow

	lines []string
}

// Problem is what a rule found.
type Problem struct {
	File string
	Line int // 1 is the first; 0 concerns the whole file
	Rule string
	Text string // "job \"test\" has no timeout-minutes"
}

// String is "file:line: text (rule)".
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s (%s)", p.File, p.Line, p.Text, p.Rule)
}

// Rule is one thing that must hold.
type Rule struct {
	Name  string
	Audit string // address of what it follows
	check func(File) []Problem
}

// Read reads all workflows of a folder, in the order of their names. None is an error: a test of no files passes always.
func Read(folder string) ([]File, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.y*ml"))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("reading workflows: %s has none", folder)
	}
	var files []File
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading workflows: %w", err)
		}
		file, err := Parse(filepath.Base(name), data)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, err
}

// Parse reads one workflow. Errors are of its syntax, with lines.
func Parse(name string, data []byte) (File, error) {
	workflow, problems := actionlint.Parse(data)
	if len(problems) > 0 {
		return File{}, fmt.Errorf("reading workflow %q: line %d: %s", name, problems[0].Line, problems[0].Message)
	}
	return File{Name: name, Workflow: workflow, lines: strings.Split(string(bytes.TrimRight(data, " \t\r\n")), "\n")}, nil
}

// Check returns what the rules have against a file, in the order of its lines.
func Check(f File, rules []Rule) []Problem {
	var all []Problem
	for _, rule := range rules {
		for _, p := range rule.check(f) {
			p.File, p.Rule = f.Name, rule.Name
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Problem) int { return a.Line - b.Line })
	return all
}

// Actionlint returns what actionlint has against a file.
func Actionlint(f File) ([]Problem, error) {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		return nil, fmt.Errorf("starting actionlint: %w", err)
	}
	found, err := linter.Lint("<stdin>", []byte(strings.Join(f.lines, "\n")+"\n"), nil)
	if err != nil {
		return nil, fmt.Errorf("checking %s by actionlint: %w", f.Name, err)
	}
	var all []Problem
	for _, e := range found {
		all = append(all, Problem{File: f.Name, Line: e.Line, Rule: "actionlint " + e.Kind, Text: e.Message})
	}
	return all, nil
}

// Rules are all rules, in the order in which people meet them in a file.
func Rules() []Rule {
	const zizmor = "https://docs.zizmor.sh/audits/#"
	const syntax = "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#"
	return []Rule{
		{"dangerous-triggers", zizmor + "dangerous-triggers", triggers},
		{"concurrency-limits", zizmor + "concurrency-limits", concurrency},
		{"excessive-permissions", zizmor + "excessive-permissions", permissions},
		{"one-writer", zizmor + "excessive-permissions", oneWriter},
		{"timeout", syntax + "jobsjob_idtimeout-minutes", timeouts},
		{"fail-fast", syntax + "jobsjob_idstrategyfail-fast", failFast},
		{"unpinned-uses", zizmor + "unpinned-uses", unpinned},
		{"forbidden-uses", zizmor + "forbidden-uses", forbidden},
		{"artipacked", zizmor + "artipacked", persisted},
		{"cache-poisoning", zizmor + "cache-poisoning", caching},
		{"template-injection", zizmor + "template-injection", injection},
		{"overprovisioned-secrets", zizmor + "overprovisioned-secrets", secrets},
		{"unsound-condition", zizmor + "unsound-condition", gate},
		{"thin-run", "https://github.com/kubernaut/kubernaut/blob/main/CONTRIBUTING.md", thin},
	}
}
