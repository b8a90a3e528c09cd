// Package actiongraph gives each test of a Bazel workspace a digest of everything that its result may depend on.
//
// It reads what `bazel aquery --output=jsonproto --include_file_write_contents 'deps(tests(//...))'` writes: the actions that `bazel test` would run, each
// with Bazel's key (command line, environment, execution requirements, contents of files that it writes) and its input
// artifacts. An action's digest is its key with the digests of its inputs: of the action that makes an input, or of the
// content of a source file, wherever the file is: in the workspace, in another module, in the Go toolchain. A test's digest is
// that of its TestRunner actions. This is the digest that a build with an empty cache would have to start from, so two
// evaluations with the same digest have the same result.
//
// Why the action graph and no other view of the build:
//
//   - `bazel query` follows every branch of every select and every toolchain, which needs modules that no build here fetches,
//     and counts a test's BUILD file and .bzl files as such: a comment in a .bzl file would run everything.
//   - `bazel cquery` knows the configuration but not what rules do: it has hashes of the .bzl files instead.
//   - changed paths mapped to targets miss what is not there any more: deleted files, a glob's new match, a package boundary.
//
// What Bazel cannot know before it runs an action is a doubt, never a guess: the headers that a C++ compiler finds, the
// workspace status, and tests that Bazel never takes from its cache. Such a test is always affected, and says why.
//
// Not a goal: that an action whose inputs changed may write the same output again. Only running it tells.
package actiongraph

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Graph is the part of analysis_v2.ActionGraphContainer that decides about results.
// https://github.com/bazelbuild/bazel/blob/7.7.1/src/main/protobuf/analysis_v2.proto
type Graph struct {
	artifacts map[int]artifact
	fragments map[int]fragment
	sets      map[int]depset
	labels    map[int]target
	classes   map[int]string
	actions   []*action
	makers    map[int]*action // by the artifact that they make
	folders   *strings.Replacer
}

type artifact struct {
	ID   int `json:"id"`
	Path int `json:"pathFragmentId"`
}

type fragment struct {
	ID     int    `json:"id"`
	Label  string `json:"label"`
	Parent int    `json:"parentId"`
}

type depset struct {
	ID         int   `json:"id"`
	Direct     []int `json:"directArtifactIds"`
	Transitive []int `json:"transitiveDepSetIds"`
}

type target struct {
	ID    int    `json:"id"`
	Label string `json:"label"`
	Class int    `json:"ruleClassId"`
}

type action struct {
	Target    int     `json:"targetId"`
	Key       string  `json:"actionKey"`
	Mnemonic  string  `json:"mnemonic"`
	Inputs    []int   `json:"inputDepSetIds"`
	Outputs   []int   `json:"outputIds"`
	Discovers bool    `json:"discoversInputs"`
	Contents  string  `json:"fileContents"` // of what the action writes, where Bazel tells
	Info      []entry `json:"executionInfo"`
}

type entry struct {
	Key string `json:"key"`
}

type container struct {
	Artifacts []artifact `json:"artifacts"`
	Actions   []*action  `json:"actions"`
	Targets   []target   `json:"targets"`
	Sets      []depset   `json:"depSetOfFiles"`
	Classes   []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	} `json:"ruleClasses"`
	Fragments []fragment `json:"pathFragments"`
}

// Decode reads the whole of r. Folders are absolute paths that differ between evaluations and mean the same: the checkout, Bazel's
// output base.
func Decode(r io.Reader, folders ...string) (*Graph, error) {
	var c container
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return nil, fmt.Errorf("decoding the action graph: %w", err)
	}
	g := &Graph{classes: map[int]string{}, actions: c.Actions, makers: map[int]*action{}, folders: replacer(folders)}
	g.artifacts = byID(c.Artifacts, func(a artifact) int { return a.ID })
	g.fragments = byID(c.Fragments, func(f fragment) int { return f.ID })
	g.sets = byID(c.Sets, func(s depset) int { return s.ID })
	g.labels = byID(c.Targets, func(t target) int { return t.ID })
	for _, class := range c.Classes {
		g.classes[class.ID] = class.Name
	}
	for _, a := range c.Actions {
		for _, output := range a.Outputs {
			g.makers[output] = a
		}
	}
	return g, nil
}

// replacer replaces the folder of a path that stands behind a space, as in a list of runfiles, by its place in the arguments.
func replacer(folders []string) *strings.Replacer {
	var pairs []string
	for i, folder := range folders {
		pairs = append(pairs, " "+folder+"/", fmt.Sprintf(" <%d>/", i))
	}
	return strings.NewReplacer(pairs...)
}

// key is what the action is beside its inputs. Bazel's own keys of two actions have the checkout's path in them: the list of
// a test's runfiles, for which its content stands here, and the folder of links, which that list says all about.
func (g *Graph) key(a *action) string {
	switch {
	case a.Mnemonic == "SymlinkTree":
		return a.Mnemonic
	case a.Mnemonic == "SourceSymlinkManifest" && a.Contents != "":
		return a.Mnemonic + " " + g.folders.Replace(a.Contents)
	}
	return a.Mnemonic + " " + a.Key
}

func byID[T any](all []T, id func(T) int) map[int]T {
	m := make(map[int]T, len(all))
	for _, one := range all {
		m[id(one)] = one
	}
	return m
}

// path is relative to Bazel's execution root.
func (g *Graph) path(id int) string {
	f := g.fragments[g.artifacts[id].Path]
	path := f.Label
	for f.Parent != 0 {
		f = g.fragments[f.Parent]
		path = f.Label + "/" + path
	}
	return path
}
