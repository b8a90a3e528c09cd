package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// tailBytes is how much of a command's standard error its error keeps.
const tailBytes = 4 << 10

// CommandError is a command that failed.
type CommandError struct {
	Argv   []string // the whole command, the engine's client first
	Stderr string   // the last 4 KiB of its standard error, trimmed
	Err    error    // *exec.ExitError, or why it did not start
}

func (e *CommandError) Error() string {
	text := fmt.Sprintf("running %q: %v", strings.Join(e.Argv, " "), e.Err)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

func (e *CommandError) Unwrap() error { return e.Err }

// run executes a command and returns its standard output.
func run(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	var stdout bytes.Buffer
	err := stream(ctx, stdin, &stdout, argv...)
	return stdout.Bytes(), err
}

// stream executes a command. The command has a process group of its own: a Ctrl-C of the terminal reaches this program,
// which then decides the order in which things end.
func stream(ctx context.Context, stdin io.Reader, stdout io.Writer, argv ...string) error {
	stderr := &tail{limit: tailBytes}
	cmd := command(ctx, argv...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return &CommandError{Argv: argv, Stderr: stderr.String(), Err: err}
}

func command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	data  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.data)) }
