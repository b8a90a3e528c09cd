package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"strings"
)

// edit is a kind of change of the fixture. Do changes the files and says what it did; nothing when there is nothing to do.
type edit struct {
	kind string
	do   func(w *workspace, r *random) (did string, err error)
	// exact: no test may be said to be affected that is not.
	exact bool
}

// random is a source of choices and of texts that were not there before.
type random struct {
	*rand.Rand
	n int
}

func (r *random) text() string {
	r.n++
	return fmt.Sprintf("edit %d", r.n)
}

func (r *random) of(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[r.IntN(len(names))]
}

func edits() []edit {
	return []edit{
		{"one service's file", appended("services/?/*.go", nil), true},
		{"a file of services/internal", appended("services/internal/*/*.go", nil), true},
		{"a README", appended("README.md", []string{"services/*/README.md"}), true},
		{"a service's test", appended("services/?/*_test.go", nil), true},
		{"a test's data", appended("services/?/testdata/*", nil), true},
		{"embedded data", appended("services/?/data/*.txt", []string{"services/?/data/*/*.txt"}), true},
		{"a manifest", appended("deploy/*.yaml", nil), true},
		{"a variant of select", appended("services/internal/api/variants/*.txt", nil), true},
		{"new file", fresh, true},
		{"deleted file", deleted, true},
		{"renamed file", renamed, true},
		{"new service", newService, true},
		{"deleted service", lessService, true},
		{"a module's version", bumped, true},
		{"a package boundary", boundary, true},
		{"comment in a BUILD file", appendedText("services/*/BUILD.bazel", "# %s"), true},
		{"comment in a .bzl file", appendedText("*.bzl", "# %s"), true},
		{"comment in MODULE.bazel", appendedText("MODULE.bazel", "# %s"), true},
		{"attribute of a binary", attribute("services/c/BUILD.bazel", `flags = "`), true},
		{"attribute of a suite", attribute("test/e2e/BUILD.bazel", `note = "`), true},
		{"variable of a suite", attribute("test/e2e/BUILD.bazel", `"SUITE": "`), true},
		{"a suite's images", images, true},
		{"a build setting's default", mode, true},
		{"what a rule does", attribute("rules.bzl", `"#!/bin/sh\n# `), true},
		{"an extension's tag", attribute("MODULE.bazel", `salt = "`), true},
		{"a build tool", appendedText("tools/compiler.sh", "# %s"), false},
		{"a build tool's output", attribute("tools/compiler.sh", `echo "`), true},
		{"may be executed", executable, false},
		{"Bazel's options", appendedText(".bazelrc", "# %s"), false},
		{"a test option", appendedText(".bazelrc", "test --test_env=EDIT='%s'"), true},
	}
}

func appended(pattern string, others []string) func(*workspace, *random) (string, error) {
	return func(w *workspace, r *random) (string, error) {
		names := w.glob(pattern)
		for _, other := range others {
			names = append(names, w.glob(other)...)
		}
		if pattern == "services/?/*.go" {
			names = sources(w)
		}
		name := r.of(names)
		if name == "" {
			return "", nil
		}
		return name, w.add(name, r.text())
	}
}

// sources are the services' files that are no tests.
func sources(w *workspace) []string {
	var names []string
	for _, name := range w.glob("services/?/*.go") {
		if !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	return names
}

func appendedText(pattern, format string) func(*workspace, *random) (string, error) {
	return func(w *workspace, r *random) (string, error) {
		name := r.of(w.glob(pattern))
		return name, w.add(name, fmt.Sprintf(format, r.text()))
	}
}

// attribute puts a text behind the prefix, which the file has once.
func attribute(name, prefix string) func(*workspace, *random) (string, error) {
	return func(w *workspace, r *random) (string, error) {
		return name, w.replace(name, prefix, prefix+strings.ReplaceAll(r.text(), " ", "-")+" ")
	}
}

func fresh(w *workspace, r *random) (string, error) {
	folder := path.Dir(r.of(w.glob("services/*/BUILD.bazel")))
	name := folder + "/" + r.of([]string{"new%d.go", "new%d_test.go", "data/new%d.txt", "testdata/new%d.txt", "unused%d.md"})
	name = fmt.Sprintf(name, r.n)
	return name, w.put(name, r.text())
}

// deletable are files that a glob names: nothing misses them by name.
func deletable(w *workspace) []string {
	names := w.glob("services/?/[!m]*.go")
	for _, pattern := range []string{"services/?/*_test.go", "services/?/data/*.txt", "services/?/data/*/*.txt", "services/?/*.md", "services/?/testdata/*"} {
		names = append(names, w.glob(pattern)...)
	}
	return names
}

func deleted(w *workspace, r *random) (string, error) {
	name := r.of(deletable(w))
	if name == "" {
		return "", nil
	}
	return name, os.Remove(w.path(name))
}

func renamed(w *workspace, r *random) (string, error) {
	name := r.of(deletable(w))
	if name == "" {
		return "", nil
	}
	to := fmt.Sprintf("%s/moved%d%s", path.Dir(name), r.n, path.Ext(name))
	r.n++
	return name + " to " + to, os.Rename(w.path(name), w.path(to))
}

// The list of suites, one a line, takes new ones at its head.
const suiteList = "    for name, services in {\n"

func newService(w *workspace, r *random) (string, error) {
	r.n++
	name := fmt.Sprintf("n%d", r.n)
	for file, text := range map[string]string{
		"BUILD.bazel": "load(\"//:macros.bzl\", \"service\")\n\nservice(deps = [\"//services/internal/" + r.of([]string{"log", "api"}) + "\"])\n",
		"main.go":     r.text(),
	} {
		if err := w.put("services/"+name+"/"+file, text); err != nil {
			return "", err
		}
	}
	return name, w.replace("test/e2e/BUILD.bazel", suiteList, suiteList+fmt.Sprintf("        %q: [%q],\n", name, name))
}

func lessService(w *workspace, r *random) (string, error) {
	folder := path.Dir(r.of(w.glob("services/n*/BUILD.bazel")))
	if folder == "." {
		return "", nil
	}
	name := path.Base(folder)
	if err := w.replace("test/e2e/BUILD.bazel", fmt.Sprintf("        %q: [%q],\n", name, name), ""); err != nil {
		return "", err
	}
	return name, os.RemoveAll(w.path(folder))
}

func bumped(w *workspace, r *random) (string, error) {
	module := r.of([]string{"alpha", "beta"})
	r.n++
	return module, w.replace("go.mod", "require "+module+" v", fmt.Sprintf("require %s v%d.", module, r.n))
}

// boundary makes a folder that a glob reaches into a package of its own, or ends that.
func boundary(w *workspace, r *random) (string, error) {
	name := r.of([]string{"services/a/data/BUILD.bazel", "services/c/data/deep/BUILD.bazel", "services/b/testdata/BUILD.bazel"})
	if _, err := os.Stat(w.path(name)); err == nil {
		return "no " + name, os.Remove(w.path(name))
	}
	return name, w.put(name, "# "+r.text()+"\n")
}

func images(w *workspace, r *random) (string, error) {
	const file = "test/e2e/BUILD.bazel"
	text, err := w.get(file)
	if err != nil {
		return "", err
	}
	few, many := `"d": ["d"]`, `"d": ["d", "b"]`
	if strings.Contains(text, many) {
		few, many = many, few
	}
	return many, w.replace(file, few, many)
}

func mode(w *workspace, r *random) (string, error) {
	text, err := w.get("BUILD.bazel")
	if err != nil {
		return "", err
	}
	const key = "build_setting_default = "
	now, next := key+`"plain"`, key+`"fancy"`
	if strings.Contains(text, next) {
		now, next = next, now
	}
	return next, w.replace("BUILD.bazel", now, next)
}

func executable(w *workspace, r *random) (string, error) {
	name := r.of(sources(w))
	info, err := os.Stat(w.path(name))
	if err != nil {
		return "", err
	}
	return name, os.Chmod(w.path(name), info.Mode().Perm()^0o111)
}
