package main

import (
	"fmt"

	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
)

const (
	repository = "kubernaut/kubernaut"

	writeToken = "token-that-writes-packages"
	readToken  = "token-that-reads-packages"
	noToken    = "token-for-no-package"
)

// kind is one of the three ways in which the workflow is started.
type kind struct {
	name   string
	fork   bool
	pull   bool
	number int // of a pull request; each has its own, so that what one pushes is not taken for another's
}

func kinds(name string) (kind, error) {
	switch name {
	case "push":
		return kind{name: "push to main"}, nil
	case "pull":
		return kind{name: "pull request", pull: true, number: 7}, nil
	case "fork":
		return kind{name: "fork's pull request", pull: true, fork: true, number: 8}, nil
	}
	return kind{}, fmt.Errorf("there is no event %q; push, pull and fork there are", name)
}

// tag is what images must be called.
func (k kind) tag(commit string) string {
	if k.pull {
		return fmt.Sprintf("pr-%d", k.number)
	}
	return "main-" + commit[:12]
}

// event is what GitHub says about the commit head, whose first parent is base. cache is the remote cache's address.
func (k kind) event(base, head, cache, registry string) workflow.Event {
	github := map[string]any{
		"event_name": "push", "ref": "refs/heads/main", "ref_name": "main", "sha": head, "repository": repository,
		"repository_owner": "kubernaut", "actor": "octocat", "run_id": "1", "event": map[string]any{"before": base},
	}
	if k.pull {
		from := repository
		if k.fork {
			from = "somebody/kubernaut"
		}
		github["event_name"], github["ref"], github["ref_name"] = "pull_request", fmt.Sprintf("refs/pull/%d/merge", k.number), fmt.Sprintf("%d/merge", k.number)
		github["event"] = map[string]any{"number": float64(k.number), "pull_request": map[string]any{
			"number": float64(k.number), "base": map[string]any{"sha": base}, "head": map[string]any{"repo": map[string]any{"full_name": from}},
		}}
	}
	e := workflow.Event{Name: k.name, GitHub: github, Token: k.token, Vars: map[string]string{"CI_REGISTRY": registry, "BAZEL_REMOTE_CACHE": cache}}
	if !k.fork {
		e.Secrets = map[string]string{"BAZEL_REMOTE_CACHE": cache, "SOMETHING_ELSE": "hush"}
	}
	return e
}

// token is what a job's permissions lead to; a fork's never writes, whatever the file asks for.
// https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows#workflows-in-forked-repositories
func (k kind) token(permissions map[string]string) string {
	switch {
	case permissions["packages"] == "write" && !k.fork:
		return writeToken
	case permissions["packages"] != "":
		return readToken
	}
	return noToken
}
