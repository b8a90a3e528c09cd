package registry

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The same rules_go serves Bazel (MODULE.bazel), the runner's runfiles library (go.mod) and machines without the central
// registry (pins/go.mod); gazelle likewise.
func TestPinsAgree(t *testing.T) {
	top := filepath.Join("..", "..", "..")
	rulesGo := regexp.MustCompile(`github\.com/bazelbuild/rules_go v(\S+)`)
	for _, c := range []struct {
		module string
		in     map[string]*regexp.Regexp
	}{
		{"rules_go", map[string]*regexp.Regexp{
			filepath.Join(top, "go.mod"): rulesGo,
			"pins/go.mod":                rulesGo,
			filepath.Join(top, "tools/offline/modules/rules_oci/MODULE.bazel"): declared("rules_go"),
		}},
		{"gazelle", map[string]*regexp.Regexp{
			"pins/go.mod": regexp.MustCompile(`github\.com/bazelbuild/bazel-gazelle v(\S+)`),
			filepath.Join(top, "tools/offline/modules/rules_oci/MODULE.bazel"): declared("gazelle"),
		}},
	} {
		want := version(t, filepath.Join(top, "MODULE.bazel"), declared(c.module))
		for path, pattern := range c.in {
			if got := version(t, path, pattern); got != want {
				t.Errorf("%s has %s %s, MODULE.bazel has %s", path, c.module, got, want)
			}
		}
	}
}

func declared(module string) *regexp.Regexp {
	return regexp.MustCompile(`bazel_dep\(name = "` + module + `", version = "([^"]+)"`)
}

func version(t *testing.T, path string, pattern *regexp.Regexp) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := pattern.FindSubmatch(data)
	if m == nil {
		t.Fatalf("%s does not match %s", path, pattern)
	}
	return string(m[1])
}
