package registry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWanted(t *testing.T) {
	texts := []string{
		`# bazel_dep(name = "commented", version = "1")
module(name = "a", version = "3.0")
bazel_dep(name = "b", version = "1.1", repo_name = "com_b")
bazel_dep(
    name = "c",
    version = "0.2",
    dev_dependency = True,
)
bazel_dep(name = "no_version")
`,
		`bazel_dep(name = "b", version = "1.0")` + "\n" + `bazel_dep(name = "b", version = "1.1")`,
	}
	want := map[string][]string{"a": {"3.0"}, "b": {"1.0", "1.1"}, "c": {"0.2"}}
	if d := cmp.Diff(want, Wanted(texts)); d != "" {
		t.Errorf("Wanted (-want +got):\n%s", d)
	}
}

func TestWithVersion(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"replaced": {
			"module(\n    name = \"x\",\n    version = \"1\",\n    repo_name = \"com_x\",\n)\n",
			"module(\n    name = \"x\",\n    repo_name = \"com_x\", version = \"2.5\")\n",
		},
		"added":                {`module(name = "x")`, `module(name = "x", version = "2.5")`},
		"first":                {`module(version = "0", name = "x")`, `module(name = "x", version = "2.5")`},
		"comment is no module": {"# module(name = \"y\")\nmodule(name = \"x\")", "# module(name = \"y\")\nmodule(name = \"x\", version = \"2.5\")"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := WithVersion(c.in, "2.5")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("WithVersion (-want +got):\n%s", d)
			}
		})
	}
	if _, err := WithVersion("bazel_dep(name = \"x\")", "1"); err == nil || !strings.Contains(err.Error(), "module") {
		t.Errorf("without module(…): got %v, want an error that names it", err)
	}
}
