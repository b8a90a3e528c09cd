package main

import (
	"fmt"
	"slices"
	"strings"
)

// render returns the matrix as Markdown.
func render(g graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Which end-to-end suite needs what

`+"`tools/bazelw run %s`"+` writes this file from the build graph; do not edit it. `+"`%s_test`"+`, a part of
`+"`tools/bazelw test //...`"+`, fails when the file is stale and when a service has no image, no push target or no suite. A manifest
that names an image which its suite does not have fails the suite's build.

## Services of each suite

`, g.Command, g.Command)
	table(&b, services(g))
	b.WriteString("\n## Parts of each suite\n\n")
	table(&b, parts(g))
	nodeImages(&b, g)
	b.WriteString("\n## What runs when a service changes\n\n")
	table(&b, users(g))
	return b.String()
}

// services has a row per suite and a column per service, and one for other images when there is any.
func services(g graph) [][]string {
	head := []string{"suite"}
	for _, s := range g.Services {
		head = append(head, s.Name)
	}
	rows := [][]string{append(head, "other images")}
	for _, s := range g.Suites {
		row := []string{code(s.Name)}
		for _, of := range g.Services {
			mark := ""
			if s.runs(of) {
				mark = "✓"
			}
			row = append(row, mark)
		}
		var others []string
		for _, i := range g.others(s) {
			others = append(others, fmt.Sprintf("%s (%s)", i.Name, code(i.Label)))
		}
		rows = append(rows, append(row, strings.Join(others, ", ")))
	}
	return rows
}

func parts(g graph) [][]string {
	rows := [][]string{{"suite", "variant of", "manifests", "the test reaches", "cluster", "node image", "time limit"}}
	for _, s := range g.Suites {
		base := ""
		if name := g.base(s); name != s.Name {
			base = code(name)
		}
		rows = append(rows, []string{
			code(s.Name), base, list(s.Manifests, manifest), list(s.Expose, reached), code(s.KindConfig), code(s.NodeImage.Label), s.TimeLimit,
		})
	}
	return rows
}

// manifest leaves out the target's name where it is the usual one.
func manifest(label string) string {
	return code(strings.TrimSuffix(strings.TrimPrefix(label, "//"), ":manifests"))
}

func reached(e expose) string { return code(e.Env) + " → " + e.Service + ":" + e.Port }

// nodeImages says once what the labels in the table stand for.
func nodeImages(b *strings.Builder, g graph) {
	var lines []string
	for _, s := range g.Suites {
		if s.NodeImage.Reference != "" {
			lines = append(lines, fmt.Sprintf("%s is %s where no flag sets another.\n", code(s.NodeImage.Label), code(s.NodeImage.Reference)))
		}
	}
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		b.WriteString("\n" + line)
	}
}

func users(g graph) [][]string {
	rows := [][]string{{"service", "suites"}}
	for _, s := range g.Services {
		names := g.suitesOf(s)
		text := list(names, code)
		if len(names) == len(g.Suites) && len(names) > 1 {
			text = "all"
		}
		if len(names) == 0 {
			text = "**none**"
		}
		rows = append(rows, []string{code(s.Name), text})
	}
	return rows
}

// table writes rows, the first of which is the head, as a GitHub table: https://github.github.com/gfm/#tables-extension-
func table(b *strings.Builder, rows [][]string) {
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
}

func list[T any](items []T, text func(T) string) string {
	var texts []string
	for _, item := range items {
		texts = append(texts, text(item))
	}
	return strings.Join(texts, ", ")
}

func code(text string) string { return "`" + text + "`" }
