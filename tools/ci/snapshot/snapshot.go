// Package snapshot says what each test of a checkout depends on, as digests, and compares two checkouts.
//
// A snapshot is a function of the checkout's files and of what they name (modules, toolchain), not of the machine, so that CI
// can keep those of the main branch and a pull request evaluates only itself.
package snapshot

import (
	"maps"
	"slices"

	"github.com/kubernaut/kubernaut/tools/ci/actiongraph"
)

// Version is that of the digests: another one makes all kept snapshots useless.
const Version = 1

// Snapshot is one checkout.
type Snapshot struct {
	Version int `json:"version"`
	// Ground are the files that decide how everything is built and run and that no action has among its inputs, with digests.
	Ground map[string]string `json:"ground"`
	Tests  map[string]Test   `json:"tests"` // by label
}

// Test is one test of it.
type Test struct {
	Class  string `json:"class"` // of its rule
	Digest string `json:"digest"`
	Doubt  string `json:"doubt,omitempty"` // why it always counts as affected
}

func of(tests []actiongraph.Test, ground map[string]string) Snapshot {
	s := Snapshot{Version: Version, Ground: ground, Tests: map[string]Test{}}
	for _, t := range tests {
		s.Tests[t.Label] = Test{Class: t.Class, Digest: t.Digest, Doubt: t.Doubt}
	}
	return s
}

// Change is what lies between two snapshots.
type Change struct {
	All      string            // why all tests are affected whatever their digests are; empty when they count
	Affected map[string]string // label of each affected test of the newer one, and why
	Classes  map[string]string // the rule of each of them
}

// Since compares s with an older snapshot. Tests that are not in s any more are not affected: there is nothing to run.
func (s Snapshot) Since(base Snapshot) Change {
	if path := differing(base.Ground, s.Ground); path != "" {
		return s.Everything(path + " changed, which decides how everything is built and run")
	}
	c := newChange("")
	for label, now := range s.Tests {
		before, known := base.Tests[label]
		switch {
		case !known:
			c.add(label, now, "new")
		case now.Digest != before.Digest:
			c.add(label, now, "inputs changed")
		case now.Doubt != "":
			c.add(label, now, now.Doubt)
		}
	}
	return c
}

func newChange(all string) Change {
	return Change{All: all, Affected: map[string]string{}, Classes: map[string]string{}}
}

func (c Change) add(label string, t Test, why string) {
	c.Affected[label], c.Classes[label] = why, t.Class
}

// Everything is the change that nothing is known about.
func (s Snapshot) Everything(why string) Change {
	c := newChange(why)
	for label, t := range s.Tests {
		c.add(label, t, why)
	}
	return c
}

// differing returns the first path whose digest is not the same; empty when there is none.
func differing(a, b map[string]string) string {
	paths := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(paths)
	for _, path := range paths {
		if a[path] != b[path] {
			return path
		}
	}
	return ""
}
