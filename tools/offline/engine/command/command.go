// Package command runs the host's programs for the offline tool set.
//
// An error carries the command line and the last lines of the program's stderr,
// so that "exit status 1" never stands alone. Programs of the administrator's
// folders are found even when PATH lacks those. The package starts foreground
// programs only: daemons are the engine package's business.
package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// adminPath holds the folders that an unprivileged PATH lacks on Debian.
const adminPath = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

// tailBytes of stderr and lineBytes of the command line go into an error.
const (
	tailBytes = 2048
	lineBytes = 240
)

// Command is one program run. The zero value of every field but Argv is usable.
type Command struct {
	// Argv is the program, by name or path, and its arguments.
	Argv []string
	// Env is added to the environment of this process.
	Env []string
	// Dir is the working directory; empty means the one of this process.
	Dir string
	// Stdin is empty when nil.
	Stdin io.Reader
	// Stdout receives the output; nil drops it.
	Stdout io.Writer
	// Stderr receives a copy of what the program says; its tail is kept for the error in any case.
	Stderr io.Writer
	// Attr holds process attributes (chroot, namespaces, process group).
	Attr *syscall.SysProcAttr
}

// Output runs argv and returns its stdout.
func Output(ctx context.Context, argv ...string) (string, error) {
	var out bytes.Buffer
	err := Command{Argv: argv, Stdout: &out}.Run(ctx)
	return out.String(), err
}

// Run waits for the program. A cancelled context sends SIGTERM, then, after ten
// seconds, SIGKILL; the error is then the context's.
func (c Command) Run(ctx context.Context) error {
	cmd, tail, err := c.prepare(ctx)
	if err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("running %s: %w%s", quote(c.Argv), err, tail)
	}
	return nil
}

func (c Command) prepare(ctx context.Context) (*exec.Cmd, *Tail, error) {
	path, err := c.path()
	if err != nil {
		return nil, nil, err
	}
	tail := &Tail{}
	cmd := exec.CommandContext(ctx, path, c.Argv[1:]...)
	cmd.Env = append(append(os.Environ(), "PATH="+SearchPath()), c.Env...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.SysProcAttr = c.Dir, c.Stdin, c.Stdout, c.Attr
	cmd.Stderr = tail
	if c.Stderr != nil {
		cmd.Stderr = io.MultiWriter(tail, c.Stderr)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd, tail, nil
}

// path of the program. Below a chroot the host's PATH says nothing, so that an
// absolute name is required there.
func (c Command) path() (string, error) {
	if c.Attr != nil && c.Attr.Chroot != "" {
		return c.Argv[0], nil
	}
	return Find(c.Argv[0])
}

// Find returns the path of a program, looked up in PATH and then in the
// administrator's folders. A name with a slash is returned as it is.
func Find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(SearchPath()) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && filepath.IsAbs(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("looking for program %q: %w", name, exec.ErrNotFound)
}

// SearchPath is PATH followed by the administrator's folders.
func SearchPath() string {
	if path := os.Getenv("PATH"); path != "" {
		return path + ":" + adminPath
	}
	return adminPath
}

// quote renders argv for a message; an argument with a blank is quoted.
func quote(argv []string) string {
	words := make([]string, len(argv))
	for i, word := range argv {
		if words[i] = word; word == "" || strings.ContainsAny(word, " \t\n\"'") {
			words[i] = fmt.Sprintf("%q", word)
		}
	}
	line := strings.Join(words, " ")
	if len(line) > lineBytes {
		line = strings.ToValidUTF8(line[:lineBytes], "") + "…"
	}
	return line
}

// Tail keeps the last two kilobytes that were written to it. It is not safe for
// concurrent use; os/exec copies one stream from one goroutine.
type Tail struct{ data []byte }

// Write never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if n := len(t.data) - tailBytes; n > 0 {
		t.data = append(t.data[:0], t.data[n:]...)
	}
	return len(p), nil
}

// String is empty, or ": " and the text, ready to follow an error.
func (t *Tail) String() string {
	text := strings.TrimSpace(string(t.data))
	if text == "" {
		return ""
	}
	return ": " + text
}
