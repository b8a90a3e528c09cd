package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Action implements workflow.Machine. An action or an input that has no equivalent here is an error.
func (m *Machine) Action(ctx context.Context, name string, inputs map[string]string, _ []string) error {
	do, ok := map[string]struct {
		inputs string // that it understands
		run    func(context.Context, map[string]string) error
	}{
		"actions/checkout":          {"persist-credentials fetch-depth ref", m.checkout},
		"actions/setup-go":          {"go-version-file cache", m.setupGo},
		"actions/upload-artifact":   {"name path", m.upload},
		"actions/download-artifact": {"pattern path merge-multiple", m.download},
	}[name]
	if !ok {
		return fmt.Errorf("action %s has no equivalent here", name)
	}
	for input := range inputs {
		if !strings.Contains(" "+do.inputs+" ", " "+input+" ") {
			return fmt.Errorf("action %s: input %q has no equivalent here", name, input)
		}
	}
	fmt.Fprintf(m.Log, "%s$ %s\n", m.instance.Name(), name)
	if err := do.run(ctx, inputs); err != nil {
		return fmt.Errorf("running %s: %w", name, err)
	}
	return nil
}

// checkout is what the action does where an earlier job has left a checkout. Without fetch-depth there is one commit, as on GitHub.
// https://github.com/actions/checkout
func (m *Machine) checkout(ctx context.Context, inputs map[string]string) error {
	depth := inputs["fetch-depth"]
	if depth == "" {
		depth = "1"
	}
	fetch := []string{"fetch", "--quiet", "--no-tags", "--force"}
	if depth != "0" {
		fetch = append(fetch, "--depth="+depth)
	}
	what := cmp.Or(inputs["ref"], m.Commit)
	commands := [][]string{append(fetch, "file://"+m.Origin, what), {"checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"}, {"clean", "-ffdxq"}}
	if err := os.RemoveAll(filepath.Join(m.Workspace(), ".git")); err != nil {
		return err
	}
	for _, args := range append([][]string{{"init", "--quiet"}}, commands...) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = m.Workspace(), m.Log, m.Log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("git %s: %w", args[0], err)
		}
	}
	if len(m.Bazel) == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(m.Workspace(), "user.bazelrc"), []byte(strings.Join(m.Bazel, "\n")+"\n"), 0o600)
}

// setupGo has nothing to do where there is a Go; tools/bazelw tells otherwise.
func (m *Machine) setupGo(context.Context, map[string]string) error { return nil }

func (m *Machine) upload(_ context.Context, inputs map[string]string) error {
	to := filepath.Join(m.Artifacts(), inputs["name"])
	if inputs["name"] == "" || filepath.Dir(to) != m.Artifacts() {
		return fmt.Errorf("an artifact must have a name without slashes, got %q", inputs["name"])
	}
	if _, err := os.Stat(to); err == nil {
		return fmt.Errorf("there is an artifact %q already", inputs["name"])
	}
	if _, err := os.Stat(inputs["path"]); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(m.Log, "warning: no files were found: %s\n", inputs["path"]) // the action's default too
		return nil
	}
	return os.CopyFS(to, os.DirFS(inputs["path"]))
}

func (m *Machine) download(_ context.Context, inputs map[string]string) error {
	if inputs["merge-multiple"] != "true" {
		return errors.New("without merge-multiple: true there is no equivalent here")
	}
	found, err := filepath.Glob(filepath.Join(m.Artifacts(), inputs["pattern"]))
	if err != nil {
		return err
	}
	for _, artifact := range found {
		if err := os.CopyFS(inputs["path"], os.DirFS(artifact)); err != nil {
			return err
		}
	}
	return nil
}
