package actiongraph_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/ci/actiongraph"
)

// graph is a test of one program, made of a.go and of a file of another module, and a second test that shares the file.
const graph = `{
  "artifacts": [
    {"id": 1, "pathFragmentId": 2}, {"id": 2, "pathFragmentId": 4}, {"id": 3, "pathFragmentId": 6},
    {"id": 4, "pathFragmentId": 7}, {"id": 5, "pathFragmentId": 8}, {"id": 6, "pathFragmentId": 9}],
  "actions": [
    {"targetId": 1, "actionKey": "k1", "mnemonic": "GoLink", "inputDepSetIds": [1], "outputIds": [3]},
    {"targetId": 2, "actionKey": "k2", "mnemonic": "TestRunner", "inputDepSetIds": [2], "outputIds": [4]},
    {"targetId": 3, "actionKey": "k3", "mnemonic": "TestRunner", "inputDepSetIds": [3], "outputIds": [5], "executionInfo": [{"key": "no-sandbox"}]}],
  "targets": [{"id": 1, "label": "//a:a", "ruleClassId": 1}, {"id": 2, "label": "//a:a_test", "ruleClassId": 2}, {"id": 3, "label": "//b:b_test", "ruleClassId": 2}],
  "depSetOfFiles": [{"id": 1, "directArtifactIds": [1], "transitiveDepSetIds": [3]}, {"id": 2, "directArtifactIds": [3]}, {"id": 3, "directArtifactIds": [2]}],
  "ruleClasses": [{"id": 1, "name": "go_binary"}, {"id": 2, "name": "go_test"}],
  "pathFragments": [
    {"id": 1, "label": "a"}, {"id": 2, "label": "a.go", "parentId": 1}, {"id": 3, "label": "external"}, {"id": 4, "label": "m.go", "parentId": 3},
    {"id": 5, "label": "bazel-out"}, {"id": 6, "label": "a.out", "parentId": 5}, {"id": 7, "label": "a.log", "parentId": 5},
    {"id": 8, "label": "b.log", "parentId": 5}, {"id": 9, "label": "volatile-status.txt", "parentId": 5}]
}`

func content(changed string) actiongraph.Files {
	return func(path string) ([sha256.Size]byte, error) {
		return sha256.Sum256(fmt.Appendf(nil, "%t", path == changed)), nil
	}
}

func tests(t *testing.T, graph string, files actiongraph.Files) map[string]actiongraph.Test {
	t.Helper()
	g, err := actiongraph.Decode(strings.NewReader(graph))
	if err != nil {
		t.Fatal(err)
	}
	all, err := g.Tests(files)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]actiongraph.Test{}
	for _, one := range all {
		found[one.Label] = one
	}
	return found
}

func TestDigests(t *testing.T) {
	before := tests(t, graph, content(""))
	if got, want := slices.Sorted(maps.Keys(before)), []string{"//a:a_test", "//b:b_test"}; !cmp.Equal(got, want) || before["//a:a_test"].Class != "go_test" {
		t.Fatalf("got tests %v", before)
	}
	for name, test := range map[string]struct {
		old, new, file string
		want           []string
	}{
		"nothing":           {"", "", "", nil},
		"source":            {"", "", "a/a.go", []string{"//a:a_test"}},
		"module":            {"", "", "external/m.go", []string{"//a:a_test", "//b:b_test"}},
		"file of neither":   {"", "", "README.md", nil},
		"key of an action":  {`"k1"`, `"k1x"`, "", []string{"//a:a_test"}},
		"key of a test":     {`"k3"`, `"k3x"`, "", []string{"//b:b_test"}},
		"renamed source":    {`"a.go"`, `"b.go"`, "", []string{"//a:a_test"}},
		"one input less":    {`"directArtifactIds": [1]`, `"directArtifactIds": []`, "", []string{"//a:a_test"}},
		"one input more":    {`"id": 3, "directArtifactIds": [2]`, `"id": 3, "directArtifactIds": [2, 1]`, "", []string{"//a:a_test", "//b:b_test"}},
		"other identifiers": {`"targetId": 3`, `"targetId": 3, "configurationId": 9`, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			after := tests(t, strings.Replace(graph, test.old, test.new, 1), content(test.file))
			var got []string
			for label, one := range after {
				if one.Digest != before[label].Digest {
					got = append(got, label)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changed tests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoubts(t *testing.T) {
	for name, test := range map[string]struct{ old, new, label, want string }{
		"none":            {"", "", "//b:b_test", ""},
		"never cached":    {`"no-sandbox"`, `"no-cache"`, "//b:b_test", "it has the tag no-cache"},
		"external":        {`"no-sandbox"`, `"external"`, "//b:b_test", "it has the tag external"},
		"status":          {`"id": 3, "directArtifactIds": [2]`, `"id": 3, "directArtifactIds": [6]`, "//b:b_test", "bazel-out/volatile-status.txt is written by Bazel for each build"},
		"found at a run":  {`"mnemonic": "TestRunner", "inputDepSetIds": [3]`, `"mnemonic": "TestRunner", "discoversInputs": true, "inputDepSetIds": [3]`, "//b:b_test", "TestRunner of //b:b_test finds inputs while it runs"},
		"of a dependency": {`"mnemonic": "GoLink"`, `"mnemonic": "GoLink", "discoversInputs": true`, "//a:a_test", "GoLink of //a:a finds inputs while it runs"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tests(t, strings.Replace(graph, test.old, test.new, 1), content(""))[test.label].Doubt; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A checkout elsewhere gives Bazel other keys for runfiles, and the same digests here.
func TestFolders(t *testing.T) {
	digest := func(workspace, key, link string) string {
		t.Helper()
		manifest := `{"targetId": 1, "actionKey": "` + key + `", "mnemonic": "SourceSymlinkManifest", "outputIds": [3], "fileContents": "_main/a ` + workspace + `/a\n_main/b /out/b` + link + `\n"}`
		tree := `{"targetId": 1, "actionKey": "` + key + `", "mnemonic": "SymlinkTree", "inputDepSetIds": [2], "outputIds": [4]}`
		runner := `{"targetId": 2, "actionKey": "k", "mnemonic": "TestRunner", "inputDepSetIds": [1]}`
		text := `{"actions": [` + manifest + "," + tree + "," + runner + `], "artifacts": [{"id": 3}, {"id": 4}],
		  "depSetOfFiles": [{"id": 1, "directArtifactIds": [4]}, {"id": 2, "directArtifactIds": [3]}], "targets": [{"id": 2, "label": "//:t"}]}`
		g, err := actiongraph.Decode(strings.NewReader(text), workspace, "/out")
		if err != nil {
			t.Fatal(err)
		}
		all, err := g.Tests(content(""))
		if err != nil {
			t.Fatal(err)
		}
		return all[0].Digest
	}
	want := digest("/one", "k1", "")
	if got := digest("/another/one", "k2", ""); got != want {
		t.Error("the checkout's folder counts")
	}
	if got := digest("/one", "k1", "x"); got == want {
		t.Error("a runfile's target does not count")
	}
}

func TestErrors(t *testing.T) {
	if _, err := actiongraph.Decode(strings.NewReader(graph[:500])); err == nil {
		t.Error("got no error for half a graph")
	}
	g, err := actiongraph.Decode(strings.NewReader(graph))
	if err != nil {
		t.Fatal(err)
	}
	bad := errors.New("disk")
	if _, err := g.Tests(func(string) ([sha256.Size]byte, error) { return [sha256.Size]byte{}, bad }); !errors.Is(err, bad) {
		t.Errorf("got %v, want the file's error", err)
	}
}
