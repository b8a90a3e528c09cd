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

	robot      = "kubernaut+robot"
	robotToken = "token-that-writes-releases"
)

// kind is one of the ways in which a workflow is started.
type kind struct {
	name    string
	file    string // in .github/workflows
	verb    string // what becomes of images
	fork    bool
	pull    bool
	closed  bool
	number  int    // of a pull request; each has its own, so that what one pushes is not taken for another's
	version string // that a tag names
}

func kinds(name string) (kind, error) {
	const ci = "ci-pipeline.yml"
	switch name {
	case "push":
		return kind{name: "push to main", file: ci, verb: "pushed"}, nil
	case "release":
		return kind{name: "version", file: "release.yml", verb: "released", version: "v1.2.3"}, nil
	case "pull":
		return kind{name: "pull request", file: ci, verb: "pushed", pull: true, number: 7}, nil
	case "close":
		return kind{name: "pull request closed", file: "cleanup.yml", verb: "deleted", pull: true, closed: true, number: 7}, nil
	case "fork":
		return kind{name: "fork's pull request", file: ci, verb: "pushed", pull: true, fork: true, number: 8}, nil
	}
	return kind{}, fmt.Errorf("there is no event %q; push, release, pull, close and fork there are", name)
}

// ci reports whether the event runs what CI runs for a change.
func (k kind) ci() bool { return !k.closed && k.version == "" }

// tag is what images must be called.
func (k kind) tag(commit string) string {
	switch {
	case k.version != "":
		return k.version
	case k.pull:
		return fmt.Sprintf("pr-%d", k.number)
	}
	return "main-" + commit[:12]
}

// hub is what GitHub says of itself, and what the repository's owners have set.
type hub struct {
	api, cache         string // addresses
	registry, releases string // hosts
	key                []byte // of cosign's, encrypted by keyPassword
}

const keyPassword = "hunter2"

// event is what GitHub says about the commit head, whose first parent is base.
func (k kind) event(base, head string, h hub) workflow.Event {
	github := map[string]any{
		"event_name": "push", "ref": "refs/heads/main", "ref_name": "main", "sha": head, "repository": repository,
		"repository_owner": "kubernaut", "actor": "octocat", "run_id": "1", "run_attempt": "1", "event": map[string]any{"before": base},
		"server_url": "https://github.com", "api_url": h.api,
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
	if k.version != "" {
		github["ref"], github["ref_name"] = "refs/tags/"+k.version, k.version
	}
	github["workflow_ref"] = fmt.Sprintf("%s/%s/%s@%s", repository, workflowFolder, k.file, github["ref"])
	e := workflow.Event{Name: k.name, GitHub: github, Token: k.token, Vars: map[string]string{
		"CI_REGISTRY": h.registry, "BAZEL_REMOTE_CACHE": h.cache, "RELEASE_REGISTRY": h.releases,
	}}
	if !k.fork {
		e.Secrets = map[string]string{"BAZEL_REMOTE_CACHE": h.cache, "SOMETHING_ELSE": "hush"}
		e.Environments = map[string]map[string]string{"release": {
			"RELEASE_USERNAME": robot, "RELEASE_PASSWORD": robotToken, "COSIGN_KEY": string(h.key), "COSIGN_PASSWORD": keyPassword,
		}}
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
