// Package tag derives a run's image tags and image repository from what GitHub says about the run.
//
// A tag is a pointer for people; deployments use digests. There are three shapes:
//
//	pr-<number>                 a pull request; replaced by its next push, deleted when it is closed
//	main-<12 digits of SHA-1>   a commit of main
//	v<major>.<minor>.<patch>    a release, with -<pre-release> if it has one
//
// Whatever is not exactly one of the expected events and refs is refused: a tag that nobody expects is one that nobody deletes.
// What is returned has no character that a shell would look at.
package tag

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// Run is what GitHub says about a run.
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables
type Run struct {
	Event   string // GITHUB_EVENT_NAME: "push", "pull_request", "schedule" or "workflow_dispatch"
	Ref     string // GITHUB_REF: "refs/heads/main", "refs/pull/7/merge" or "refs/tags/v1.2.3"
	RefName string // GITHUB_REF_NAME; not checked when empty
	SHA     string // GITHUB_SHA: 40 lower-case hexadecimal digits
}

var (
	prefix     = regexp.MustCompile(`^refs/(heads|tags|pull)/`)
	pullRef    = regexp.MustCompile(`^refs/pull/([1-9][0-9]{0,9})/merge$`)
	commitName = regexp.MustCompile(`^[0-9a-f]{40}$`)
	// https://semver.org, without build metadata: no tag may have a plus.
	version = regexp.MustCompile(`^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?$`)
)

// Limits of a tag by https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const maxTag = 128

// IsCommit reports whether a name is a whole one of a commit: 40 lower-case hexadecimal digits.
func IsCommit(name string) bool { return commitName.MatchString(name) }

// Of returns the run's tag. What is wrong is a fault.Usage.
func Of(r Run) (string, error) {
	if r.RefName != "" && r.RefName != prefix.ReplaceAllString(r.Ref, "") {
		return "", refuse("GITHUB_REF_NAME is %q, which is not what GITHUB_REF %q is called", r.RefName, r.Ref)
	}
	if r.Ref == "" {
		return "", refuse("GITHUB_REF is not set: a detached head has no tag")
	}
	switch r.Event {
	case "pull_request":
		return pullRequest(r)
	case "push", "schedule", "workflow_dispatch":
		return push(r)
	case "pull_request_target":
		return "", refuse("the event pull_request_target runs a fork's code with this repository's rights; use pull_request")
	}
	return "", refuse("GITHUB_EVENT_NAME is %q, not push, pull_request, schedule or workflow_dispatch", r.Event)
}

func pullRequest(r Run) (string, error) {
	found := pullRef.FindStringSubmatch(r.Ref)
	if found == nil {
		return "", refuse("GITHUB_REF of a pull request is refs/pull/<number>/merge, got %q", r.Ref)
	}
	return "pr-" + found[1], nil
}

func push(r Run) (string, error) {
	if r.Ref == "refs/heads/main" {
		if !IsCommit(r.SHA) {
			return "", refuse("GITHUB_SHA is 40 lower-case hexadecimal digits, got %q", r.SHA)
		}
		return "main-" + r.SHA[:12], nil
	}
	name, tagged := strings.CutPrefix(r.Ref, "refs/tags/")
	switch {
	case !tagged:
		return "", refuse("GITHUB_REF is %q; images are tagged for refs/heads/main, refs/tags/v* and pull requests", r.Ref)
	case r.Event == "schedule":
		return "", refuse("a scheduled run has no version, but GITHUB_REF is %q", r.Ref)
	case !version.MatchString(name) || len(name) > maxTag:
		return "", refuse("a version tag is v<major>.<minor>.<patch>, got %q", name)
	}
	return name, nil
}

// example is what a person types to get the tag of a commit of main.
const example = "tools/bazelw run //tools/ci -- tags --event=push --ref=refs/heads/main --sha=\"$(git rev-parse HEAD)\""

func refuse(format string, args ...any) error {
	return fault.New(fault.Usage, fmt.Errorf("deriving the tag: %w", fmt.Errorf(format, args...)), example)
}
