package second

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Targets are labels of what a checkout runs. An empty one is left out.
type Targets struct {
	Push  string // image_push: "//services:push"
	Suite string // e2e_suite: "//test/e2e:gateway"
}

func (t Targets) labels() []string {
	var list []string
	for _, label := range []string{t.Push, t.Suite} {
		if label != "" {
			list = append(list, label)
		}
	}
	return list
}

// Fill builds the targets in a checkout of its own below parent. The disk cache then has everything; the remote cache gets what was
// built, not what the disk cache had.
func (t Targets) Fill(ctx context.Context, from, parent, remote, disk string, stderr io.Writer) (err error) {
	c, err := New(ctx, from, parent, nil, []string{"BAZEL_REMOTE_CACHE=" + remote})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	c.Stderr = stderr
	if err := c.Bazel(ctx, append([]string{"build", "--config=ci", "--disk_cache=" + disk}, t.labels()...)...); err != nil {
		return fmt.Errorf("filling the caches: %w", err)
	}
	return nil
}

// Run is how a clean checkout runs the targets.
type Run struct {
	RC     []string  // lines of user.bazelrc
	Env    []string  // added to the environment: "BAZEL_REMOTE_CACHE=…"
	Flags  []string  // of Bazel, after --config=ci
	Suite  []string  // of the suite
	Stderr io.Writer // of all programs; nil is nowhere
}

// Step is one `bazel run` in a clean checkout.
type Step struct {
	Took  time.Duration // until the started program has ended
	Usage Usage         // afterwards, that of earlier steps included
}

// Steps are those of one checkout, in this order. One whose target is empty is zero.
type Steps struct{ Push, Suite Step }

// Last is the last step that there was.
func (s Steps) Last() Usage {
	if s.Suite.Took > 0 {
		return s.Suite.Usage
	}
	return s.Push.Usage
}

// Run pushes to a registry that has nothing, then runs the suite, in one clean checkout below parent.
func (t Targets) Run(ctx context.Context, from, parent string, r Run) (steps Steps, err error) {
	c, err := New(ctx, from, parent, r.RC, r.Env)
	if err != nil {
		return steps, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	c.Stderr = r.Stderr
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	if t.Push != "" {
		to := "--registry=" + strings.TrimPrefix(server.URL, "http://") + "/kubernaut"
		if steps.Push, err = c.step(ctx, r.Flags, t.Push, to, "--tag=proof"); err != nil {
			return steps, err
		}
	}
	if t.Suite != "" {
		steps.Suite, err = c.step(ctx, r.Flags, t.Suite, r.Suite...)
	}
	return steps, err
}

func (c *Checkout) step(ctx context.Context, flags []string, label string, args ...string) (Step, error) {
	command := append([]string{"run", "--config=ci"}, flags...)
	command = append(append(command, label, "--"), args...)
	start := time.Now()
	if err := c.Bazel(ctx, command...); err != nil {
		return Step{}, err
	}
	took := time.Since(start)
	usage, err := c.Usage()
	return Step{took, usage}, err
}
