package machine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func machine(t *testing.T) (*Machine, *bytes.Buffer) {
	t.Helper()
	origin := t.TempDir()
	git(t, origin, "init", "--quiet")
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(origin, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, origin, "add", ".")
		git(t, origin, "commit", "--quiet", "-m", text)
	}
	var log bytes.Buffer
	m := &Machine{Dir: t.TempDir(), Origin: origin, Commit: git(t, origin, "rev-parse", "HEAD"), Log: &log}
	begin(t, m)
	return m, &log
}

func begin(t *testing.T, m *Machine) workflow.Files {
	t.Helper()
	files, err := m.Begin(t.Context(), workflow.Instance{ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestScript(t *testing.T) {
	m, log := machine(t)
	t.Setenv("MY_TOKEN", "of the caller")
	var seen []string
	m.Inspect = func(_ workflow.Instance, env []string) { seen = env }
	m.Edit = func(s string) string { return strings.ReplaceAll(s, "A", "B") }
	if err := m.Script(t.Context(), "echo \"A is ${A-}, $MY_TOKEN\"", []string{"A=1", "B=2"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "\nB is 2, \n") || strings.Contains(strings.Join(seen, "\n"), "of the caller") {
		t.Errorf("printed %q with %q", log, seen)
	}
	if err := m.Script(t.Context(), "false\necho not reached", nil); err == nil || !strings.Contains(err.Error(), `running "false …"`) {
		t.Errorf("got error %v", err)
	}
	if strings.Contains(log.String(), "\nnot reached\n") {
		t.Error("a script went on after a failure")
	}
}

// What a script has started ends with it, or the next step would meet it.
func TestScriptInterrupted(t *testing.T) {
	m, _ := machine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mark := filepath.Join(t.TempDir(), "mark")
	go func() {
		for ; ; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(mark + ".begun"); err == nil || ctx.Err() != nil {
				cancel()
				return
			}
		}
	}()
	start := time.Now()
	err := m.Script(ctx, `sh -c 'trap "touch $MARK; exit 1" TERM; touch $MARK.begun; while :; do sleep 0.05; done'`, []string{"MARK=" + mark})
	if !errors.Is(err, context.Canceled) || time.Since(start) > patience/2 {
		t.Errorf("got error %v after %s", err, time.Since(start))
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the script's child was not told: %v", err)
	}
}

func TestCheckout(t *testing.T) {
	m, _ := machine(t)
	m.Bazel = []string{"build --x"}
	check := func(depth, commits string) {
		t.Helper()
		inputs := map[string]string{"persist-credentials": "false"}
		if depth != "" {
			inputs["fetch-depth"] = depth
		}
		if err := m.Action(t.Context(), "actions/checkout", inputs, nil); err != nil {
			t.Fatal(err)
		}
		if got := git(t, m.Workspace(), "rev-list", "--count", "HEAD"); got != commits {
			t.Errorf("depth %q: got %s commits, want %s", depth, got, commits)
		}
	}
	check("", "1")
	left := filepath.Join(m.Workspace(), "left")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("0", "2")
	if _, err := os.Stat(left); err == nil {
		t.Error("a file of an earlier job is still there")
	}
	git(t, m.Origin, "branch", "first", "HEAD~1")
	if err := m.Action(t.Context(), "actions/checkout", map[string]string{"ref": "first"}, nil); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(filepath.Join(m.Workspace(), "file")); string(data) != "one" {
		t.Errorf("the branch's file is %q", data)
	}
	if data, _ := os.ReadFile(filepath.Join(m.Workspace(), "user.bazelrc")); string(data) != "build --x\n" {
		t.Errorf("user.bazelrc is %q", data)
	}
}

func TestArtifacts(t *testing.T) {
	m, _ := machine(t)
	for _, name := range []string{"ledger-a", "ledger-b", "logs"} {
		files := begin(t, m)
		path := filepath.Join(files.Temp, "ledgers")
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, name+".json"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.Action(t.Context(), "actions/upload-artifact", map[string]string{"name": name, "path": path}, nil); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(begin(t, m).Temp, "all")
	inputs := map[string]string{"pattern": "ledger-*", "path": path, "merge-multiple": "true"}
	if err := m.Action(t.Context(), "actions/download-artifact", inputs, nil); err != nil {
		t.Fatal(err)
	}
	got, _ := filepath.Glob(path + "/*")
	if len(got) != 2 || filepath.Base(got[1]) != "ledger-b.json" {
		t.Errorf("got %q", got)
	}
	again := map[string]string{"name": "logs", "path": path}
	if err := m.Action(t.Context(), "actions/upload-artifact", again, nil); err == nil {
		t.Error("an artifact was written twice")
	}
}

func TestNoEquivalent(t *testing.T) {
	m, _ := machine(t)
	for _, c := range []struct {
		name   string
		inputs map[string]string
		want   string
	}{
		{"somebody/login", nil, "action somebody/login has no equivalent here"},
		{"actions/checkout", map[string]string{"path": "x"}, `action actions/checkout: input "path" has no equivalent here`},
		{"actions/download-artifact", map[string]string{"path": "x"}, "without merge-multiple: true there is no equivalent here"},
		{"actions/upload-artifact", map[string]string{"name": "../x"}, "an artifact must have a name without slashes"},
	} {
		if err := m.Action(context.Background(), c.name, c.inputs, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got error %v, want %q", c.name, c.inputs, err, c.want)
		}
	}
}
