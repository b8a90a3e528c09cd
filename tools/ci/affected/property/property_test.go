package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSuiteImages(t *testing.T) {
	got := suiteImages("# Title\n\n| suite | a | b | other images |\n|---|---|---|---|\n| `one` | ✓ |  | x (`//x`) |\n| `two` | ✓ | ✓ |  |\n\n| suite | more |\n|---|---|\n| `three` | ✓ |\n")
	if diff := cmp.Diff(map[string][]string{"one": {"a"}, "two": {"a", "b"}}, got); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
}

// Each field of a spawn counts, and none but the test's own spawn.
func TestHashes(t *testing.T) {
	const log = `{"commandArgs": ["a"], "environmentVariables": [{"name": "N", "value": "v"}], "mnemonic": "TestRunner", "targetLabel": "//:a",
  "inputs": [{"path": "p", "digest": {"hash": "h1"}}, {"path": "q", "digest": {"hash": "h2"}}]}
{"mnemonic": "Compile", "targetLabel": "//:a", "commandArgs": ["cc"]}
{"mnemonic": "TestRunner", "targetLabel": "//:a", "commandArgs": ["tools/test/generate-xml.sh", "12"]}`
	want := read(t, log)
	if len(want) != 1 {
		t.Fatalf("got %v", want)
	}
	for _, change := range []string{`"a"]`, `"N"`, `"v"`, `"p"`, `"h2"`} {
		if maps.Equal(want, read(t, strings.Replace(log, change, `"x`+change[1:], 1))) {
			t.Errorf("%s does not count", change)
		}
	}
	swapped := strings.Replace(log, `{"path": "p", "digest": {"hash": "h1"}}, {"path": "q", "digest": {"hash": "h2"}}`,
		`{"path": "q", "digest": {"hash": "h2"}}, {"path": "p", "digest": {"hash": "h1"}}`, 1)
	if !maps.Equal(want, read(t, swapped)) {
		t.Error("the order of inputs counts")
	}
	if _, err := hashes(strings.NewReader(log[:50])); err == nil {
		t.Error("got no error for half a log")
	}
}

func read(t *testing.T, log string) map[string]string {
	t.Helper()
	found, err := hashes(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPlan(t *testing.T) {
	kinds := map[string]bool{}
	f := &fixtureRun{seed: 7}
	for _, e := range f.plan(len(edits())) {
		kinds[e.kind] = true
	}
	if len(kinds) != len(edits()) {
		t.Errorf("got %v", slices.Sorted(maps.Keys(kinds)))
	}
}
