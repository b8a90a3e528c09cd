package workflows

import (
	"maps"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

// triggers: an event whose run has secrets and a token that writes, although a fork can cause it, leaves it to every later change of
// the file that nothing of the fork is run. `pull_request` is the event for that. A comment starts nothing of the fork as long as
// the checkout is this repository's.
func triggers(f File) []Problem {
	for _, name := range []string{"pull_request_target", "workflow_run"} {
		if f.on(name) {
			return []Problem{problem(nil, "the event %s has secrets and a token that writes, and a fork can cause it; use pull_request", name)}
		}
	}
	if !f.on("issue_comment") {
		return nil
	}
	return f.actions(func(a *actionlint.ExecAction) []Problem {
		name, _ := action(a.Uses)
		for _, of := range []string{"ref", "repository"} {
			if name == "actions/checkout" && input(a, of) != "" {
				return []Problem{problem(a.Uses.Pos, "an event that a fork can cause and that has secrets checks out %s %s", of, input(a, of))}
			}
		}
		return nil
	})
}

// concurrency: two runs of one ref race for its tags and its cluster. One group for all refs is wrong even where none cancels
// another: of a group GitHub keeps one run that waits, and drops the one that waited before. A job may have a group of its own instead.
func concurrency(f File) []Problem {
	if c := f.Concurrency; c != nil {
		if c.Group == nil || !c.Group.ContainsExpression() {
			return []Problem{problem(c.Pos, "the concurrency group is the same for all refs")}
		}
		return nil
	}
	return f.each(func(job *actionlint.Job) []Problem {
		if job.Concurrency != nil {
			return nil
		}
		return []Problem{problem(job.Pos, "neither the workflow nor job %q has a concurrency group", job.ID.Value)}
	})
}

// permissions: the workflow gives nothing but reading, and each job names what it needs, so that adding a step never adds a right
// by accident. Nothing needs to write but packages.
func permissions(f File) []Problem {
	if f.Permissions == nil {
		return []Problem{problem(nil, "the workflow has no permissions: they would be the repository's default; write permissions: {}")}
	}
	all := excessive(f.Permissions, "the workflow")
	for _, name := range writes(f.Permissions) {
		all = append(all, problem(f.Permissions.Pos, "every job gets %s: write; give it to the one job that needs it", name))
	}
	return append(all, f.each(func(job *actionlint.Job) []Problem {
		if job.Permissions == nil {
			return []Problem{problem(job.Pos, "job %q has no permissions; write permissions: {} if it needs none", job.ID.Value)}
		}
		found := excessive(job.Permissions, "job "+job.ID.Value)
		for _, name := range writes(job.Permissions) {
			if name != "packages" {
				found = append(found, problem(job.Permissions.Pos, "job %q has %s: write; nothing here writes but packages", job.ID.Value, name))
			}
		}
		return found
	})...)
}

func excessive(p *actionlint.Permissions, whose string) []Problem {
	if p.All == nil {
		return nil
	}
	return []Problem{problem(p.Pos, "%s has permissions %s; name the scopes", whose, p.All.Value)}
}

func writes(p *actionlint.Permissions) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.Scopes)) {
		if p.Scopes[name].Value.Value == "write" {
			names = append(names, name)
		}
	}
	return names
}

// oneWriter: packages are written from one job alone, which has few steps to look at.
func oneWriter(f File) []Problem {
	var all []Problem
	first := ""
	for _, job := range f.Ordered() {
		if job.Permissions == nil || !slices.Contains(writes(job.Permissions), "packages") {
			continue
		}
		if first != "" {
			all = append(all, problem(job.Permissions.Pos, "job %q has packages: write, as job %q has already", job.ID.Value, first))
		}
		first = job.ID.Value
	}
	return all
}

// timeouts: the default is six hours of a runner for a test that hangs.
func timeouts(f File) []Problem {
	return f.each(func(job *actionlint.Job) []Problem {
		if job.TimeoutMinutes != nil || job.WorkflowCall != nil {
			return nil
		}
		return []Problem{problem(job.Pos, "job %q has no timeout-minutes", job.ID.Value)}
	})
}

// failFast: one failed suite must not take the others' results.
func failFast(f File) []Problem {
	return f.each(func(job *actionlint.Job) []Problem {
		s := job.Strategy
		if s == nil || s.Matrix == nil || s.FailFast != nil && !s.FailFast.Value && s.FailFast.Expression == nil {
			return nil
		}
		return []Problem{problem(s.Pos, "the matrix of job %q has no fail-fast: false", job.ID.Value)}
	})
}

// gateName is the job that branch protection requires.
const gateName = "gate"

// gate: a workflow that checks pull requests has one required job. It runs whatever has happened, because a skipped check counts
// as passed, and looks at every other job. Whether its condition is right is a test of its truth table.
func gate(f File) []Problem {
	job := f.Jobs[gateName]
	if job == nil {
		if f.on("pull_request", "merge_group") && f.on("push") {
			return []Problem{problem(nil, "there is no job %q for branch protection to require", gateName)}
		}
		return nil
	}
	var all []Problem
	if job.If == nil || strings.Trim(job.If.Value, "${ }") != "always()" {
		all = append(all, problem(job.Pos, "job %q must have if: always(); skipped, it would count as passed", gateName))
	}
	for _, other := range f.Ordered() {
		needs := slices.ContainsFunc(job.Needs, func(n *actionlint.String) bool { return strings.EqualFold(n.Value, other.ID.Value) })
		if other != job && !needs {
			all = append(all, problem(job.Pos, "job %q does not need job %q, which could fail unseen", gateName, other.ID.Value))
		}
	}
	return all
}
