package tools

import (
	"os/exec"
	"testing"
)

// A developer's command needs no variable, no login and no registry; what the caller's shell has of CI's variables is not the
// Makefile's either, but announced by the suite.
func TestMakeNeedsNoVariables(t *testing.T) {
	for target, want := range map[string]string{
		"test-e2e-gateway":              "tools/bazelw run //test/e2e:gateway\n",
		"test-e2e-holmesgpt-api":        "tools/bazelw run //test/e2e:holmesgpt-api\n",
		"test-e2e-datastorage-postgres": "tools/bazelw run //test/e2e:datastorage-postgres\n",
		"test":                          "tools/bazelw test //...\n",
	} {
		cmd := exec.Command("make", "--dry-run", "--no-print-directory", "--warn-undefined-variables", target)
		cmd.Dir, cmd.Env = "..", []string{"PATH=/usr/local/bin:/usr/bin:/bin"}
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("make %s runs %q, %v, want %q", target, out, err, want)
		}
	}
}
