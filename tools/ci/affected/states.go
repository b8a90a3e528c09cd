package affected

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/ci/revision"
	"github.com/kubernaut/kubernaut/tools/ci/snapshot"
	"github.com/kubernaut/kubernaut/tools/offline/engine/lock"
)

// states evaluates what is not kept yet.
type states struct {
	Finder
	checkout revision.Checkout
}

func (s *states) head(ctx context.Context, head string) (snapshot.Snapshot, error) {
	if head != WorkTree {
		return s.commit(ctx, head)
	}
	changes, err := s.changes(ctx)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	fmt.Fprintf(s.Log, "evaluating the work tree: %d files are not as in HEAD\n", len(changes))
	taken, err := s.Bazel.Take(ctx, s.Workspace)
	if err != nil || len(changes) > 0 {
		return taken, err
	}
	key, err := s.key(ctx, "HEAD")
	if err != nil {
		return taken, err
	}
	return taken, s.Store.Save(key, taken)
}

// changes are the files that git has not, without Bazel's links.
func (s *states) changes(ctx context.Context) ([]string, error) {
	all, err := s.checkout.Changes(ctx)
	var changes []string
	for _, line := range all {
		if line != "!! "+options && !strings.HasPrefix(line, "!! bazel-") {
			changes = append(changes, line)
		}
	}
	return changes, err
}

// options is the file of .bazelrc's last line, which git does not have: a workflow or a developer writes it.
const options = "user.bazelrc"

// key names the snapshot of a commit's files, evaluated with the options of this checkout.
func (s *states) key(ctx context.Context, commit string) (string, error) {
	tree, err := s.checkout.Tree(ctx, commit)
	if err != nil {
		return "", err
	}
	local, err := os.ReadFile(filepath.Join(s.Workspace, options))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return fmt.Sprintf("%s-%.8x", tree, sha256.Sum256(fmt.Appendf(local, "--config=%s", s.Bazel.Config))), nil
}

// commit evaluates a commit's files in a folder of its own. The folder has one path, so that no call leaves more than one behind
// even when it is killed, and Bazel sees the same path each time; calls beside each other wait.
func (s *states) commit(ctx context.Context, commit string) (taken snapshot.Snapshot, err error) {
	key, err := s.key(ctx, commit)
	if err != nil {
		return taken, err
	}
	if kept, known := s.Store.Load(key); known {
		fmt.Fprintf(s.Log, "%.12s: known from before\n", commit)
		return kept, nil
	}
	bazel := s.Bazel
	if bazel.OutputBase, err = s.Bazel.Base(ctx, s.Workspace); err != nil {
		return taken, err
	}
	unlock, err := lock.Acquire(ctx, s.Cache)
	if err != nil {
		return taken, err
	}
	defer unlock()
	dir := filepath.Join(s.Cache, "base")
	if err := s.checkout.RemoveWorktree(ctx, dir); err != nil {
		return taken, err
	}
	remove, err := s.checkout.AddWorktree(ctx, dir, commit)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := copyOptions(s.Workspace, dir); err != nil {
		return taken, err
	}
	fmt.Fprintf(s.Log, "%.12s: evaluating its files; this restarts Bazel's server\n", commit)
	if taken, err = bazel.Take(ctx, dir); err != nil {
		return taken, err
	}
	return taken, s.Store.Save(key, taken)
}

func copyOptions(from, to string) error {
	data, err := os.ReadFile(filepath.Join(from, options))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, options), data, 0o600)
}
