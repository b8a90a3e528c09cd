// Package affected finds the tests, and thus the suites, whose inputs differ between two states of a checkout.
//
// A state is a commit or the work tree as it lies there, new and changed files included. Each is evaluated by itself (see
// actiongraph) and the digests are compared, so it does not matter how the files came to differ: changed, renamed, deleted.
// The base is not the revision itself but where the head's history left it: what others have pushed since is not a change.
//
// On doubt all tests are affected, and the answer says why: the files that choose Bazel or its options differ, the base cannot be
// evaluated, or there is none, or none any more because somebody has forced a push over it. A head that cannot be evaluated is an error: nothing could run on it.
//
// What it costs: one analysis of all tests for each state that is not kept yet, in a fresh Bazel server 33 s on two idle
// processors, and 4 s for hashing what it names, 450 MB in 15,000 files; nothing is built. The base is checked out into the
// cache folder meanwhile (as many bytes as the checkout has files) and uses the checkout's output base, so that no module is
// fetched or kept twice. That restarts Bazel's server; a base that was evaluated before costs nothing of this.
package affected

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/ci/revision"
	"github.com/kubernaut/kubernaut/tools/ci/snapshot"
)

// SuiteClass is the rule of a suite's test, which is named "<suite>_test".
const SuiteClass = "suite_test"

// Answer is what is affected. Its JSON form is for other programs; fields are added, never renamed.
type Answer struct {
	Base   string            `json:"base"`             // commit; empty when there is none
	Head   string            `json:"head"`             // commit, or "work tree"
	All    bool              `json:"all"`              // whatever their inputs are
	Reason string            `json:"reason,omitempty"` // of All
	Suites []string          `json:"suites"`           // names, sorted; "gateway" is //test/e2e:gateway
	Tests  []string          `json:"tests"`            // labels of all affected tests, the suites' among them, sorted
	Why    map[string]string `json:"why"`              // by label of a test
}

// WorkTree is the head that is no commit.
const WorkTree = "work tree"

// Finder compares states of a checkout.
type Finder struct {
	Workspace string
	Package   string // of the suites: "test/e2e"
	Cache     string // folder for the base's work tree
	Store     snapshot.Store
	Bazel     snapshot.Bazel // without an output base
	Log       io.Writer      // what is done, a line each
}

// Find says what is affected in head, a revision or WorkTree, since it left base. A base of zeros, as GitHub sends for a new
// branch, is none.
func (f Finder) Find(ctx context.Context, base, head string) (Answer, error) {
	checkout, err := revision.Open(ctx, f.Workspace)
	if err != nil {
		return Answer{}, err
	}
	s := &states{Finder: f, checkout: checkout}
	tip, err := checkout.Commit(ctx, commitOf(head))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Head: head}
	if head != WorkTree {
		a.Head = tip
	}
	doubt := ""
	if a.Base, doubt, err = s.start(ctx, base, tip); err != nil {
		return Answer{}, err
	}
	change, err := s.change(ctx, a, doubt)
	a.fill(change, f.Package)
	return a, err
}

func commitOf(head string) string {
	if head == WorkTree {
		return "HEAD"
	}
	return head
}

// start is where the head left the base; without one, doubt says why.
func (s *states) start(ctx context.Context, base, tip string) (commit, doubt string, err error) {
	if strings.Trim(base, "0") == "" {
		return "", "there is no base to compare with", nil
	}
	commit, err = s.checkout.Commit(ctx, base)
	if errors.Is(err, revision.ErrGone) {
		return "", fmt.Sprintf("there is no base to compare with: %v", err), nil
	}
	if err != nil {
		return "", "", err
	}
	commit, err = s.checkout.MergeBase(ctx, commit, tip)
	return commit, "", err
}

// change evaluates the base first, so that the server that stays is the work tree's. A doubt stands for the base.
func (s *states) change(ctx context.Context, a Answer, doubt string) (snapshot.Change, error) {
	var before snapshot.Snapshot
	if doubt == "" {
		var err error
		var failed *snapshot.EvaluationError
		before, err = s.commit(ctx, a.Base)
		switch {
		case ctx.Err() != nil:
			return snapshot.Change{}, ctx.Err()
		case errors.As(err, &failed):
			doubt = fmt.Sprintf("the base cannot be evaluated: %v", err)
		case err != nil:
			return snapshot.Change{}, err
		}
	}
	now, err := s.head(ctx, a.Head)
	if err != nil {
		return snapshot.Change{}, fmt.Errorf("evaluating the %s: %w", a.Head, err)
	}
	if doubt != "" {
		return now.Everything(doubt), nil
	}
	return now.Since(before), nil
}

func (a *Answer) fill(c snapshot.Change, pkg string) {
	a.All, a.Reason, a.Why = c.All != "", c.All, c.Affected
	a.Tests, a.Suites = slices.Sorted(maps.Keys(c.Affected)), []string{}
	for _, label := range a.Tests {
		if name, ok := suite(label, c.Classes[label], pkg); ok {
			a.Suites = append(a.Suites, name)
		}
	}
}

// suite returns the name of the suite that the test runs.
func suite(label, class, pkg string) (string, bool) {
	name, inside := strings.CutPrefix(label, "//"+pkg+":")
	name, named := strings.CutSuffix(name, "_test")
	return name, inside && named && class == SuiteClass
}
