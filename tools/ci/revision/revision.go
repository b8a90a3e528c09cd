// Package revision reads a git checkout: commits, their common ancestor, and a second work tree of one of them.
//
// What is wrong with what the caller named, or with the clone, is a fault.Usage with the command that mends it; the
// checkout itself is never changed.
package revision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// Checkout is a git work tree.
type Checkout struct {
	Dir string
}

// Open finds out whether dir is the top folder of a git work tree.
func Open(ctx context.Context, dir string) (Checkout, error) {
	c := Checkout{dir}
	if _, err := exec.LookPath("git"); err != nil {
		return c, fault.New(fault.Delivery, fmt.Errorf("reading the history: %w", err), "apt-get install git")
	}
	if _, err := c.git(ctx, "rev-parse", "--is-inside-work-tree"); err != nil {
		return c, fault.New(fault.Usage, fmt.Errorf("reading the history of %q: %w", dir, err), "git clone, then the same command in the clone")
	}
	return c, nil
}

// ErrGone is that of a commit, named in full, which a whole clone lacks: no branch has it any more, as after a forced push.
var ErrGone = errors.New("no branch of this clone has it, as after a forced push")

var fullName = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// Commit returns the full name of the commit that rev names.
func (c Checkout) Commit(ctx context.Context, rev string) (string, error) {
	out, err := c.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if c.shallow(ctx) {
		return "", fault.New(fault.Usage, fmt.Errorf("finding revision %q: it is not in this clone, which is shallow", rev), deepen...)
	}
	if fullName.MatchString(rev) {
		return "", fault.New(fault.Usage, fmt.Errorf("finding commit %.12s: %w", rev, ErrGone), "git fetch origin "+rev)
	}
	return "", fault.New(fault.Usage, fmt.Errorf("finding revision %q: it is not in this clone", rev), "git fetch origin", "git branch --all")
}

// deepen are the lines to type, here and in a workflow, when a commit is cut off.
var deepen = []string{"git fetch --unshallow origin", "fetch-depth: 0, below `with:` of actions/checkout"}

// MergeBase returns the newest commit that both have among their ancestors.
func (c Checkout) MergeBase(ctx context.Context, a, b string) (string, error) {
	out, err := c.git(ctx, "merge-base", a, b)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case c.shallow(ctx):
		return "", fault.New(fault.Usage, fmt.Errorf("finding where %.12s and %.12s part: this clone is shallow and ends before", a, b), deepen...)
	}
	return "", fault.New(fault.Usage, fmt.Errorf("finding where %.12s and %.12s part: they have no common ancestor", a, b), "git log --oneline --graph "+a+" "+b)
}

// Tree returns the name of the commit's files: commits with the same files have the same one.
func (c Checkout) Tree(ctx context.Context, commit string) (string, error) {
	return c.git(ctx, "rev-parse", "--verify", commit+"^{tree}")
}

// Changes are what git status tells of files that are not as in HEAD: changed, new, ignored. Each is a line of
// `git status --porcelain`, "?? path" for a new file, "!! path" for an ignored one.
func (c Checkout) Changes(ctx context.Context) ([]string, error) {
	out, err := c.git(ctx, "status", "--porcelain", "--ignored", "--untracked-files=all")
	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' }), err
}

// AddWorktree puts the commit's files into dir, which must not be there. remove deletes them and works after ctx has ended.
func (c Checkout) AddWorktree(ctx context.Context, dir, commit string) (remove func() error, err error) {
	remove = func() error { return c.RemoveWorktree(context.WithoutCancel(ctx), dir) }
	// A hook of the developer's has no business here.
	if _, err := c.git(ctx, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--force", "--detach", dir, commit); err != nil {
		return nil, errors.Join(fmt.Errorf("checking %.12s out into %q: %w", commit, dir, err), remove())
	}
	return remove, nil
}

// RemoveWorktree deletes a work tree of AddWorktree, also one that a killed process left; one that is not there is no error.
func (c Checkout) RemoveWorktree(ctx context.Context, dir string) error {
	err := os.RemoveAll(dir)
	_, pruned := c.git(ctx, "worktree", "prune")
	return errors.Join(err, pruned)
}

func (c Checkout) shallow(ctx context.Context) bool {
	out, err := c.git(ctx, "rev-parse", "--is-shallow-repository")
	return err == nil && out == "true"
}

func (c Checkout) git(ctx context.Context, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, environment(os.Environ()), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			return "", fmt.Errorf("git %s: %s", args[0], strings.ReplaceAll(text, "\n", "; "))
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimRight(stdout.String(), "\n"), nil
}

// environment is without the variables by which a hook's git would mean another checkout.
func environment(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		switch name, _, _ := strings.Cut(variable, "="); name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX":
		default:
			kept = append(kept, variable)
		}
	}
	return append(kept, "LC_ALL=C")
}
