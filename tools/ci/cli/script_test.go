package cli_test

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubernaut/kubernaut/tools/ci/cli"
)

// The scripts run ci as a process of its own, in git checkouts whose tools/bazelw tells an action graph that the script wrote;
// tools/ci/affected/property runs Bazel.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ci": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		exit := cli.Main(ctx, os.Args[1:], os.Getenv, cli.Streams{Out: os.Stdout, Err: os.Stderr})
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
			config := "[user]\nname = A\nemail = a@example.com\n[init]\ndefaultBranch = main\n[protocol \"file\"]\nallow = always\n"
			return os.WriteFile(env.WorkDir+"/gitconfig", []byte(config), 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits checks the exit code of the last ci.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.TrimSpace(ts.ReadFile(ts.Getenv("WORK") + "/exit")); got != args[0] {
		ts.Fatalf("got exit code %s, want %s", got, args[0])
	}
}
