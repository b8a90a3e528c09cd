package workflows

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
)

func problem(at *actionlint.Pos, format string, args ...any) Problem {
	p := Problem{Text: fmt.Sprintf(format, args...)}
	if at != nil {
		p.Line = at.Line
	}
	return p
}

// Ordered are the jobs in the order of the file.
func (f File) Ordered() []*actionlint.Job {
	return slices.SortedFunc(maps.Values(f.Jobs), func(a, b *actionlint.Job) int { return cmp.Compare(a.Pos.Line, b.Pos.Line) })
}

// each collects what check has against each job.
func (f File) each(check func(*actionlint.Job) []Problem) []Problem {
	var all []Problem
	for _, job := range f.Ordered() {
		all = append(all, check(job)...)
	}
	return all
}

// actions collects what check has against each step that uses an action.
func (f File) actions(check func(*actionlint.ExecAction) []Problem) []Problem {
	return f.each(func(job *actionlint.Job) []Problem {
		var all []Problem
		for _, step := range job.Steps {
			if action, ok := step.Exec.(*actionlint.ExecAction); ok {
				all = append(all, check(action)...)
			}
		}
		return all
	})
}

// scripts collects what check has against each script of a step.
func (f File) scripts(check func(*actionlint.ExecRun) []Problem) []Problem {
	return f.each(func(job *actionlint.Job) []Problem {
		var all []Problem
		for _, step := range job.Steps {
			if run, ok := step.Exec.(*actionlint.ExecRun); ok {
				all = append(all, check(run)...)
			}
		}
		return all
	})
}

// on reports whether one of the events starts the workflow.
func (f File) on(names ...string) bool {
	return slices.ContainsFunc(f.On, func(e actionlint.Event) bool { return slices.Contains(names, e.EventName()) })
}

// action is what a step uses: "actions/checkout" and "v4".
func action(uses *actionlint.String) (name, version string) {
	name, version, _ = strings.Cut(uses.Value, "@")
	return name, version
}

func input(a *actionlint.ExecAction, name string) string {
	if i := a.Inputs[name]; i != nil && i.Value != nil {
		return i.Value.Value
	}
	return ""
}

func variables(e *actionlint.Env) []*actionlint.String {
	if e == nil {
		return nil
	}
	var all []*actionlint.String
	if e.Expression != nil {
		all = append(all, e.Expression)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Vars)) {
		all = append(all, e.Vars[name].Value)
	}
	return all
}

// texts are what of a job may have an expression that hands something to a step.
func texts(job *actionlint.Job) []*actionlint.String {
	all := variables(job.Env)
	for _, step := range job.Steps {
		all = append(all, variables(step.Env)...)
		switch exec := step.Exec.(type) {
		case *actionlint.ExecRun:
			all = append(all, exec.Run)
		case *actionlint.ExecAction:
			for _, name := range slices.Sorted(maps.Keys(exec.Inputs)) {
				all = append(all, exec.Inputs[name].Value)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(job.Outputs)) {
		all = append(all, job.Outputs[name].Value)
	}
	return all
}
