package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/ci/actiongraph"
)

// patience is how long Bazel has for its own end after SIGTERM.
const patience = time.Minute

// Bazel evaluates checkouts through their tools/bazelw.
type Bazel struct {
	Config string // of .bazelrc, as in --config; empty is none
	// OutputBase is Bazel's folder; empty is the checkout's own. A base that is evaluated in the output base of the checkout
	// that it is compared with finds all modules there: no second download and no second copy on the disk, for one restart of
	// Bazel's server.
	OutputBase string
	Stderr     io.Writer // Bazel's messages; nil is nowhere
}

// EvaluationError is a checkout that Bazel cannot evaluate.
type EvaluationError struct {
	Command string
	Tail    string // Bazel's last error line; may be empty
	Err     error
}

func (e *EvaluationError) Error() string {
	if e.Tail != "" {
		return fmt.Sprintf("running %s: %s", e.Command, e.Tail)
	}
	return fmt.Sprintf("running %s: %v", e.Command, e.Err)
}

func (e *EvaluationError) Unwrap() error { return e.Err }

// Base is the checkout's output base.
func (b Bazel) Base(ctx context.Context, workspace string) (string, error) {
	if b.OutputBase != "" {
		return b.OutputBase, nil
	}
	out, err := b.run(ctx, workspace, "info", "output_base")
	return strings.TrimSpace(string(out)), err
}

// Take evaluates a checkout. Nothing is built; modules that Bazel does not have are fetched.
func (b Bazel) Take(ctx context.Context, workspace string) (Snapshot, error) {
	base, err := b.Base(ctx, workspace)
	if err != nil {
		return Snapshot{}, err
	}
	files, err := ground(workspace)
	if err != nil {
		return Snapshot{}, err
	}
	args := []string{"aquery", "--output=jsonproto", "--include_commandline=false", "--include_file_write_contents", "--noshow_progress", "--ui_event_filters=-info,-debug"}
	if b.Config != "" {
		args = append(args, "--config="+b.Config)
	}
	out, err := b.run(ctx, workspace, append(args, "deps(tests(//...))")...)
	if err != nil {
		return Snapshot{}, err
	}
	graph, err := actiongraph.Decode(bytes.NewReader(out), base, workspace)
	if err != nil {
		return Snapshot{}, err
	}
	tests, err := graph.Tests(tree{workspace, base}.digest)
	return of(tests, files), err
}

func (b Bazel) run(ctx context.Context, workspace string, args ...string) ([]byte, error) {
	shown := "tools/bazelw " + strings.Join(args[:min(len(args), 2)], " ")
	if b.OutputBase != "" {
		args = append([]string{"--output_base=" + b.OutputBase}, args...)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(workspace, "tools", "bazelw"), args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = workspace, environment(os.Environ()), &stdout, &stderr
	if b.Stderr != nil {
		cmd.Stderr = io.MultiWriter(&stderr, b.Stderr)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if err := cmd.Run(); err != nil {
		return nil, &EvaluationError{shown, lastError(stderr.String()), errors.Join(err, ctx.Err())}
	}
	return stdout.Bytes(), nil
}

// lastError is the last line of Bazel's that says "ERROR", else the last one.
func lastError(stderr string) string {
	last, fault := "", ""
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		last = line
		if _, text, found := strings.Cut(line, "ERROR: "); found {
			fault = text
		}
	}
	if fault != "" {
		return fault
	}
	return last
}

// environment is without what the Bazel that started this process told it about itself.
func environment(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "BUILD_") && !strings.HasPrefix(variable, "RUNFILES_") && !strings.HasPrefix(variable, "TEST_") {
			kept = append(kept, variable)
		}
	}
	return kept
}
