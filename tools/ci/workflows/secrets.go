package workflows

import (
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/kubernaut/kubernaut/tools/ci/workflows/expression"
)

// secrets: each is given to jobs that need it, by its name. A run for a fork's pull request has none, so an expression that such a
// run evaluates says what holds instead: `secrets.X || …`. Otherwise a job that cannot work there is found out by a contributor.
func secrets(f File) []Problem {
	var all []Problem
	for _, text := range variables(f.Env) {
		if refersTo(text.Value, "secrets") {
			all = append(all, problem(text.Pos, "every job gets %s; give it to the jobs that need it", text.Value))
		}
	}
	return append(all, f.each(func(job *actionlint.Job) []Problem {
		if job.WorkflowCall != nil && job.WorkflowCall.InheritSecrets {
			return []Problem{problem(job.Pos, "job %q hands over all secrets", job.ID.Value)}
		}
		var found []Problem
		for _, text := range texts(job) {
			found = append(found, secretIn(text, f.reachable(job))...)
		}
		return found
	})...)
}

func secretIn(text *actionlint.String, byFork bool) []Problem {
	_, expressions, err := expression.Split(text.Value)
	if err != nil {
		return nil // actionlint tells
	}
	for _, e := range expressions {
		node, err := expression.Parse(e)
		switch {
		case err != nil || !refersTo("${{"+e+"}}", "secrets"):
		case !named(node):
			return []Problem{problem(text.Pos, "all secrets are handed over; name one")}
		case byFork && !hasFallback(node):
			return []Problem{problem(text.Pos, "a fork's pull request reaches this, and has no secret; write %s || '' or a condition of the job", strings.TrimSpace(e))}
		}
	}
	return nil
}

// refersTo reports whether an expression of the text reads the context.
func refersTo(text, context string) bool {
	_, expressions, _ := expression.Split(text)
	for _, e := range expressions {
		node, err := expression.Parse(e)
		if err == nil && reads(node, context) {
			return true
		}
	}
	return false
}

func reads(node actionlint.ExprNode, context string) bool {
	found := false
	actionlint.VisitExprNode(node, func(n, _ actionlint.ExprNode, _ bool) {
		v, ok := n.(*actionlint.VariableNode)
		found = found || ok && v.Name == context
	})
	return found
}

// named reports whether each use of the secrets names one.
func named(node actionlint.ExprNode) bool {
	ok := true
	actionlint.VisitExprNode(node, func(n, parent actionlint.ExprNode, entering bool) {
		if v, is := n.(*actionlint.VariableNode); is && entering && v.Name == "secrets" {
			_, property := parent.(*actionlint.ObjectDerefNode)
			ok = ok && property
		}
	})
	return ok
}

// hasFallback reports whether the last alternative is no secret.
func hasFallback(node actionlint.ExprNode) bool {
	or, ok := node.(*actionlint.LogicalOpNode)
	return ok && or.Kind == actionlint.LogicalOpNodeKindOr && !reads(or.Right, "secrets")
}

// reachable reports whether a fork's pull request may run the job. A condition that needs results of other jobs may hold.
func (f File) reachable(job *actionlint.Job) bool {
	if !f.on("pull_request", "pull_request_target") {
		return false
	}
	if job.If == nil {
		return true
	}
	holds, err := expression.Condition(job.If.Value, expression.Scope{Contexts: map[string]any{"github": fork()}})
	return err != nil || holds
}

// fork is what the context github has of a fork's pull request, as far as conditions ask.
func fork() map[string]any {
	repository := map[string]any{"full_name": "somebody/kubernaut", "fork": true}
	return map[string]any{
		"event_name": "pull_request", "repository": "kubernaut/kubernaut", "repository_owner": "kubernaut", "ref": "refs/pull/1/merge",
		"event": map[string]any{
			"pull_request": map[string]any{"number": 1.0, "head": map[string]any{"repo": repository}},
			"repository":   map[string]any{"full_name": "kubernaut/kubernaut"},
		},
	}
}
