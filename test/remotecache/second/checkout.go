// Package second runs Bazel in a second, clean checkout and counts what that puts on the machine's disk.
//
// The checkout is a copy of the files in a folder of another name, with an output base of its own, which begins empty. So it
// is what a fresh CI runner has, but for what the launcher keeps outside of output bases: Bazel itself, the Go toolchain and
// the module cache. What ends in a container engine is not counted either: it is where the images are meant to go.
package second

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

	"github.com/kubernaut/kubernaut/tools/checkout"
)

// patience is how long Bazel has for its own end after SIGTERM.
const patience = time.Minute

// inherited are variables of the Bazel that started this program, or of its caller, which would change what is measured.
var inherited = []string{
	"BAZEL_REMOTE_CACHE", "BAZEL_REMOTE_CACHE_READONLY", "BUILD_", "IMAGE_REGISTRY", "IMAGE_TAG", "KUBERNAUT_BAZELRC", "RUNFILES_", "SLIPWAY_", "TEST_",
}

// Checkout is a copy of a checkout with an output base of its own. It is not safe for concurrent use: Bazel takes one
// command at a time.
type Checkout struct {
	Dir    string    // the copy
	Output string    // the output base
	Stdout io.Writer // of Bazel and what it starts; nil is nowhere
	Stderr io.Writer // likewise

	env []string
}

// New copies the files of the checkout from into parent, which may get other copies too. RC are lines of the copy's
// user.bazelrc; env is added to the environment of each command. An error leaves nothing behind.
func New(ctx context.Context, from, parent string, rc, env []string) (*Checkout, error) {
	dir, err := os.MkdirTemp(parent, "checkout-")
	if err != nil {
		return nil, fmt.Errorf("making a second checkout: %w", err)
	}
	c := &Checkout{Dir: filepath.Join(dir, "another", "folder"), Output: filepath.Join(dir, "output"), env: append(Environment(), env...)}
	if err = checkout.Copy(ctx, from, c.Dir); err == nil && len(rc) > 0 {
		err = os.WriteFile(filepath.Join(c.Dir, "user.bazelrc"), []byte(strings.Join(rc, "\n")+"\n"), 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a second checkout: %w", err), checkout.Remove(dir))
	}
	return c, nil
}

// Environment is this process's without what the Bazel that started it has put there.
func Environment() []string { return clean(os.Environ()) }

func clean(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		return slices.ContainsFunc(inherited, func(prefix string) bool {
			name, _, _ := strings.Cut(variable, "=")
			return name == prefix || strings.HasSuffix(prefix, "_") && strings.HasPrefix(name, prefix)
		})
	})
}

// Bazel runs tools/bazelw with the arguments.
func (c *Checkout) Bazel(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Dir, "tools", "bazelw"), append([]string{"--output_base=" + c.Output}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.env, c.Stdout, c.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running tools/bazelw %s in a second checkout: %w", strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
	return nil
}

// Close ends the checkout's Bazel server and deletes both folders. It works after ctx has ended.
func (c *Checkout) Close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if _, absent := os.Stat(c.Output); absent == nil {
		err = c.Bazel(ctx, "shutdown")
	}
	return errors.Join(err, checkout.Remove(filepath.Dir(c.Output)))
}
