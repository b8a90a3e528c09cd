package cli_test

import (
	"cmp"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/ci/cli"
	"github.com/kubernaut/kubernaut/tools/slipway/interrupt"
)

// The scripts run ci as a process of its own, in git checkouts whose tools/bazelw tells an action graph that the script wrote;
// tools/ci/affected/property runs Bazel.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ci": func() {
		exit := cli.Main(interrupt.Context(), os.Args[1:], os.Getenv, cli.Streams{Out: os.Stdout, Err: os.Stderr})
		os.WriteFile(os.Getenv("WORK")+"/exit", strconv.AppendInt(nil, int64(exit), 10), 0o644)
		os.Exit(exit)
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("KUBERNAUT_CACHE", env.WorkDir+"/cache")
			env.Setenv("GIT_CONFIG_GLOBAL", env.WorkDir+"/gitconfig")
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			if err := serveChecks(env); err != nil {
				return err
			}
			config := "[user]\nname = A\nemail = a@example.com\n[init]\ndefaultBranch = main\n[protocol \"file\"]\nallow = always\n"
			return os.WriteFile(env.WorkDir+"/gitconfig", []byte(config), 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// serveChecks starts GitHub's REST API, where commits 1…1 to 6…6 of kubernaut/kubernaut have checks.
func serveChecks(env *testscript.Env) error {
	const token = "reads-checks"
	o := ghcr.Options{Accounts: []ghcr.Account{ghcr.Fork("kubernaut/kubernaut", token)}}
	for digit, run := range map[string]ghcr.CheckRun{
		"1": {Status: "completed", Conclusion: "success", App: "github-actions"},
		"2": {Status: "completed", Conclusion: "cancelled", App: "github-actions"},
		"3": {Status: "in_progress", App: "github-actions"},
		"4": {Status: "completed", Conclusion: "success", App: "somebodys"},
		"5": {Name: "test", Status: "completed", Conclusion: "success", App: "github-actions"},
	} {
		run.Repository, run.Commit, run.Name = "kubernaut/kubernaut", strings.Repeat(digit, 40), cmp.Or(run.Name, "gate")
		o.Checks = append(o.Checks, run)
	}
	for app, conclusion := range map[string]string{"github-actions": "success", "somebodys": "failure"} {
		o.Checks = append(o.Checks, ghcr.CheckRun{
			Repository: "kubernaut/kubernaut", Commit: strings.Repeat("6", 40), Name: "gate", App: app, Status: "completed", Conclusion: conclusion,
		})
	}
	server, err := ghcr.New(o)
	if err != nil {
		return err
	}
	env.Defer(func() { server.Close() })
	env.Setenv("GITHUB_API_URL", server.API)
	env.Setenv("GITHUB_TOKEN", token)
	return nil
}

// exits checks the exit code of the last ci.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.TrimSpace(ts.ReadFile(ts.Getenv("WORK") + "/exit")); got != args[0] {
		ts.Fatalf("got exit code %s, want %s", got, args[0])
	}
}
