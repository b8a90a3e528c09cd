package main

import (
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	for name, test := range map[string]struct{ replacements, want, err string }{
		"one": {`{"verbs: [list, watch]": "verbs: [list]"}`, "a: 1\nverbs: [list]\n---\nb: 1\n", ""},
		"several lines, in both manifests, at once": {
			`{"a: 1": "b: 1", "b: 1": "b: 2\nc: 3"}`, "b: 1\nverbs: [list, watch]\n---\nb: 2\nc: 3\n", "",
		},
		"absent":         {`{"verbs: [get]": ""}`, "", `//a:b: 'replacements' must be texts that one.yaml and two.yaml has exactly once; it has "verbs: [get]" 0 times`},
		"twice":          {`{": 1": ": 2"}`, "", `//a:b: 'replacements' must be texts that one.yaml and two.yaml has exactly once; it has ": 1" 2 times`},
		"no JSON object": {`[]`, "", "reading the replacements: json: cannot unmarshal array into Go value of type map[string]string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for file, text := range map[string]string{
				"one.yaml": "a: 1\nverbs: [list, watch]\n", "two.yaml": "b: 1\n", "replacements.json": test.replacements,
			} {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := ""
			err := run([]string{"--label=//a:b", "--replacements=replacements.json", "--output=out.yaml", "one.yaml", "two.yaml"}, io.Discard)
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.err, got); diff != "" {
				t.Fatalf("error (-want +got):\n%s", diff)
			}
			data, _ := os.ReadFile("out.yaml")
			if diff := cmp.Diff(test.want, string(data)); diff != "" {
				t.Errorf("manifest (-want +got):\n%s", diff)
			}
		})
	}
}
