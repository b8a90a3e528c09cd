// Package machine does what the steps of a workflow say, on this machine.
//
// It is a self-hosted runner in small: a job's temporary folder and its Docker configuration begin empty, the checkout is
// cleaned, and the rest of the disk is as the job before has left it, Bazel's outputs among it. Scripts run as GitHub runs them,
// by `bash -e` in the checkout. The actions that it knows are in actions.go.
//
// A step's environment has what GitHub sets, and of this process's what finds programs and caches. No variable of the caller
// gets in, so no credential either.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
	"github.com/kubernaut/kubernaut/tools/checkout"
)

// patience is how long a script has for its own end after SIGTERM.
const patience = time.Minute

// inherited are the variables of this process that steps get, beside those of Go.
var inherited = []string{"PATH", "HOME", "TMPDIR", "DOCKER_HOST", "KUBERNAUT_CACHE", "KUBERNAUT_OFFLINE"}

// Machine is a runner. It is not safe for concurrent use: a runner takes one job at a time.
type Machine struct {
	Dir      string    // of everything below; others see nothing of it
	Origin   string    // repository to check out from
	Commit   string    // that the event is about
	Bazel    []string  // lines of user.bazelrc in the checkout
	Edit     Edit      // of scripts, to bound their time; nil changes nothing
	Log      io.Writer // what steps print
	Keep     []string  // names of variables that steps get from this process too
	Inspect  func(job workflow.Instance, env []string)
	instance workflow.Instance
	files    workflow.Files
}

// Edit returns the script that runs instead.
type Edit func(script string) string

// Workspace is where jobs have their checkout.
func (m *Machine) Workspace() string { return filepath.Join(m.Dir, "work", "kubernaut", "kubernaut") }

// Artifacts is where jobs' artifacts are, a folder for each.
func (m *Machine) Artifacts() string { return filepath.Join(m.Dir, "artifacts") }

func (m *Machine) temp() string { return filepath.Join(m.Dir, "temp") }

// Begin implements workflow.Machine.
func (m *Machine) Begin(_ context.Context, i workflow.Instance) (workflow.Files, error) {
	commands := filepath.Join(m.temp(), "_commands")
	m.instance, m.files = i, workflow.Files{
		Workspace: m.Workspace(), Temp: m.temp(), Output: filepath.Join(commands, "output"),
		Summary: filepath.Join(commands, "summary"), Env: filepath.Join(commands, "env"),
	}
	err := checkout.Remove(m.temp())
	for _, dir := range []string{commands, m.Workspace(), m.Artifacts()} {
		err = errors.Join(err, os.MkdirAll(dir, 0o755))
	}
	fmt.Fprintf(m.Log, "== %s\n", i.Name())
	return m.files, err
}

// Script implements workflow.Machine.
func (m *Machine) Script(ctx context.Context, script string, env []string) error {
	if m.Edit != nil {
		script = m.Edit(script)
	}
	fmt.Fprintf(m.Log, "%s$ %s\n", m.instance.Name(), strings.ReplaceAll(strings.TrimSpace(script), "\n", "\n  "))
	file := filepath.Join(m.temp(), "_commands", "script.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "bash", "-e", file)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = m.Workspace(), m.environment(env), m.Log, m.Log
	// The whole group: bash ends at once and leaves what it has started behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if m.Inspect != nil {
		m.Inspect(m.instance, cmd.Env)
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %q: %w", firstLine(script), errors.Join(err, ctx.Err()))
	}
	return nil
}

// environment puts a step's variables behind the machine's: the last of a name counts.
func (m *Machine) environment(step []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(inherited, name) && !slices.Contains(m.Keep, name) && !strings.HasPrefix(name, "GO")
	})
	return append(append(env, "DOCKER_CONFIG="+filepath.Join(m.temp(), "docker")), step...)
}

func firstLine(script string) string {
	line, _, more := strings.Cut(strings.TrimSpace(script), "\n")
	if more {
		line += " …"
	}
	return line
}
