package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/checkout"
)

// The change of each event: a text that the gateway's image has, and nearly no other.
const (
	changedFile = "services/gateway/command/command.go"
	changedText = "connecting to the Kubernetes API"
)

// origin is a repository with the work tree as its one commit, and branches with a change on top.
type origin struct{ dir, base string }

func newOrigin(ctx context.Context, from, dir string) (o origin, err error) {
	o.dir = dir
	if err := checkout.Copy(ctx, from, dir); err != nil {
		return o, err
	}
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"config", "uploadpack.allowAnySHA1InWant", "true"}, {"add", "--all", "--force"}} {
		if _, err := o.git(ctx, args...); err != nil {
			return o, err
		}
	}
	o.base, err = o.commit(ctx, "The work tree")
	return o, err
}

// change returns a commit on top of the base that differs in one message. Of a pull request it is a merge, as GitHub makes it.
func (o origin) change(ctx context.Context, branch string, pull bool) (string, error) {
	if _, err := o.git(ctx, "checkout", "--quiet", "--force", "-B", branch, o.base); err != nil {
		return "", err
	}
	path := filepath.Join(o.dir, changedFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("changing a file: %w", err)
	}
	if strings.Count(string(data), changedText) != 1 {
		return "", fmt.Errorf("changing %s: %q is not in it once", changedFile, changedText)
	}
	text := strings.Replace(string(data), changedText, changedText+" on "+branch+",", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	head, err := o.commit(ctx, "Change a message")
	if err != nil || !pull {
		return head, err
	}
	for _, args := range [][]string{{"checkout", "--quiet", "--force", "--detach", o.base}, {"merge", "--quiet", "--no-ff", "--message=Merge " + head, head}} {
		if _, err := o.git(ctx, args...); err != nil {
			return "", err
		}
	}
	return o.git(ctx, "rev-parse", "HEAD")
}

// services are the folders of services, by name.
func (o origin) services() []string {
	programs, _ := filepath.Glob(filepath.Join(o.dir, "services", "*", "main.go")) // the pattern is ours
	var names []string
	for _, program := range programs {
		names = append(names, filepath.Base(filepath.Dir(program)))
	}
	return names
}

// commit is reproducible, so that a second run of this program finds in caches what the first one made.
func (o origin) commit(ctx context.Context, message string) (string, error) {
	if _, err := o.git(ctx, "commit", "--quiet", "--all", "--message="+message); err != nil {
		return "", err
	}
	return o.git(ctx, "rev-parse", "HEAD")
}

func (o origin) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "-c", "commit.gpgSign=false"}, args...)...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE=2026-01-01T00:00:00Z")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("running git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out)), nil
}
