package workflows

import (
	"regexp"
	"strings"

	"github.com/rhysd/actionlint"
)

var (
	commit  = regexp.MustCompile(`^[0-9a-f]{40}$`)
	version = regexp.MustCompile(`\s#\s*v\d+(\.\d+)*\s*$`)
)

// unpinned: a tag of an action can be moved by whoever takes its repository over; a commit cannot. The comment tells people which
// version it is.
func unpinned(f File) []Problem {
	return f.actions(func(a *actionlint.ExecAction) []Problem {
		name, at := action(a.Uses)
		switch {
		case strings.HasPrefix(name, "./"):
			return nil
		case !commit.MatchString(at):
			return []Problem{problem(a.Uses.Pos, "%s is not pinned to a commit of 40 hex digits", a.Uses.Value)}
		case !version.MatchString(f.lines[a.Uses.Pos.Line-1]):
			return []Problem{problem(a.Uses.Pos, "%s has no comment with its version, such as # v6.0.2", name)}
		}
		return nil
	})
}

// forbidden: GitHub's own actions move files between machines; everything else is a command that runs here, too. The rules read
// workflows alone, so steps that are elsewhere, in a workflow that a job calls or in an action of this repository, would keep none of
// them; and an image is an environment that no commit names.
func forbidden(f File) []Problem {
	jobs := f.each(func(job *actionlint.Job) []Problem {
		switch {
		case job.WorkflowCall != nil:
			return []Problem{problem(job.Pos, "job %q calls %s, whose steps are not looked at; write them here", job.ID.Value, job.WorkflowCall.Uses.Value)}
		case job.Container != nil || job.Services != nil:
			return []Problem{problem(job.Pos, "job %q has images; a step is a command that runs on every machine", job.ID.Value)}
		}
		return nil
	})
	return append(jobs, f.actions(func(a *actionlint.ExecAction) []Problem {
		if name, _ := action(a.Uses); !strings.HasPrefix(name, "actions/") {
			return []Problem{problem(a.Uses.Pos, "%s is not one of GitHub's own actions", name)}
		}
		return nil
	})...)
}

// persisted: a checkout leaves the token in the checkout's git configuration, where every later step and every uploaded folder has it.
func persisted(f File) []Problem {
	return f.actions(func(a *actionlint.ExecAction) []Problem {
		if name, _ := action(a.Uses); name == "actions/checkout" && input(a, "persist-credentials") != "false" {
			return []Problem{problem(a.Uses.Pos, "the checkout has no persist-credentials: false")}
		}
		return nil
	})
}

// caching: a cache that a pull request fills is read by main. Bazel's remote cache is the only one, and main alone writes it.
func caching(f File) []Problem {
	return f.actions(func(a *actionlint.ExecAction) []Problem {
		name, _ := action(a.Uses)
		switch {
		case name == "actions/cache" || strings.HasPrefix(name, "actions/cache/"):
			return []Problem{problem(a.Uses.Pos, "%s is filled by pull requests, too; Bazel has a remote cache", name)}
		case name == "actions/setup-go" && input(a, "cache") != "false":
			return []Problem{problem(a.Uses.Pos, "%s has no cache: false", name)}
		}
		return nil
	})
}

// injection: an expression in a script is pasted before the shell reads it, so that a branch's name can be a command. A variable is
// not; which expressions are harmless is nobody's to know.
func injection(f File) []Problem {
	const text = "the script has an expression; hand it over in env"
	scripts := f.scripts(func(run *actionlint.ExecRun) []Problem {
		if !run.Run.ContainsExpression() {
			return nil
		}
		return []Problem{problem(run.RunPos, text)}
	})
	return append(scripts, f.actions(func(a *actionlint.ExecAction) []Problem {
		if name, _ := action(a.Uses); name != "actions/github-script" || !actionlint.ContainsExpression(input(a, "script")) {
			return nil
		}
		return []Problem{problem(a.Uses.Pos, text)}
	})...)
}

// lines is how long a script may be. What is longer is a program with a test, which runs on every machine.
const lines = 3

func thin(f File) []Problem {
	return f.scripts(func(run *actionlint.ExecRun) []Problem {
		if n := strings.Count(strings.TrimSpace(run.Run.Value), "\n") + 1; n > lines {
			return []Problem{problem(run.RunPos, "the script has %d lines, at most %d may be; write a program", n, lines)}
		}
		return nil
	})
}
