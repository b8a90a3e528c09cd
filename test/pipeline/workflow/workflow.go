// Package workflow runs a workflow file of GitHub's without GitHub, one job after the other.
//
// It decides what GitHub decides: the order of the jobs, their conditions, matrices, outputs and variables, and what a job's
// token may do. What a step does is a Machine's. It knows what this repository's files use; anything else, such as a container, a
// service or a default shell, is an error, because a part that is left out silently is one that nobody has tested.
//
// Sources: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax and, for the results of jobs whose
// ancestors were skipped, https://github.com/actions/runner/issues/491.
package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rhysd/actionlint"

	"github.com/kubernaut/kubernaut/tools/ci/workflows"
	"github.com/kubernaut/kubernaut/tools/ci/workflows/expression"
)

// Results of jobs and steps, as expressions see them.
const (
	Success = "success"
	Failure = "failure"
	Skipped = "skipped"
)

// Event is what started a run.
type Event struct {
	Name    string            // what people call it: "fork's pull request"
	GitHub  map[string]any    // the context github, without the token
	Secrets map[string]string // of the repository; a fork's run has none
	// Environments have secrets of their own, which jobs see that name them.
	Environments map[string]map[string]string
	Vars         map[string]string // configuration variables
	// Token returns the token of a job with these permissions ("packages": "write").
	Token func(permissions map[string]string) string
}

// Machine does what steps say. An error is a failed step; it ends the job, not the run.
type Machine interface {
	// Begin makes a machine for a job, with nothing on it.
	Begin(ctx context.Context, job Instance) (Files, error)
	// Script runs a step's `run`.
	Script(ctx context.Context, script string, env []string) error
	// Action runs a step's `uses`, a name without version, with its inputs.
	Action(ctx context.Context, name string, inputs map[string]string, env []string) error
}

// Files are where GitHub's runner lets steps write and work.
type Files struct {
	Workspace, Temp, Output, Summary, Env string
}

// Instance is a job, or one of those that a matrix makes of it.
type Instance struct {
	ID     string
	Matrix map[string]any // nil without one
	Token  string
}

// Name is "e2e (gateway)".
func (i Instance) Name() string {
	if len(i.Matrix) == 0 {
		return i.ID
	}
	var values []string
	for _, key := range slices.Sorted(maps.Keys(i.Matrix)) {
		values = append(values, expression.String(i.Matrix[key]))
	}
	return i.ID + " (" + strings.Join(values, ", ") + ")"
}

// Result is what became of an instance.
type Result struct {
	Instance
	Result  string
	Took    time.Duration
	Outputs map[string]any
	Err     error // of the step that failed
}

// Run is one run of a workflow.
type Run struct {
	File    workflows.File
	Event   Event
	Machine Machine
	// Choose leaves out instances of a matrix; nil runs all.
	Choose func(Instance) bool
	// Done is told of each result, and may be nil.
	Done func(Result)

	results map[string]Result // by job; of a matrix those of all instances together
}

// Do runs all jobs. Its error says what cannot be interpreted; what failed is in the results, which are those of all instances.
func (r *Run) Do(ctx context.Context) ([]Result, error) {
	r.results = map[string]Result{}
	var all []Result
	for _, job := range order(r.File.Ordered()) {
		if err := unsupported(job); err != nil {
			return all, err
		}
		results, err := r.job(ctx, job)
		if err != nil {
			return all, fmt.Errorf("job %q: %w", job.ID.Value, err)
		}
		all = append(all, results...)
		r.results[job.ID.Value] = together(job.ID.Value, results)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
	}
	return all, nil
}

// order puts each job behind those that it needs, and else leaves the file's order.
func order(jobs []*actionlint.Job) []*actionlint.Job {
	var ordered []*actionlint.Job
	placed := map[string]bool{}
	for len(ordered) < len(jobs) {
		before := len(ordered)
		for _, job := range jobs {
			ready := !slices.ContainsFunc(job.Needs, func(n *actionlint.String) bool { return !placed[n.Value] })
			if ready && !placed[job.ID.Value] {
				ordered, placed[job.ID.Value] = append(ordered, job), true
			}
		}
		if len(ordered) == before {
			return ordered // actionlint refuses circles
		}
	}
	return ordered
}

func unsupported(job *actionlint.Job) error {
	for name, there := range map[string]bool{
		"container": job.Container != nil, "services": job.Services != nil, "uses": job.WorkflowCall != nil, "defaults": job.Defaults != nil,
		"continue-on-error": job.ContinueOnError != nil, "snapshot": job.Snapshot != nil,
	} {
		if there {
			return fmt.Errorf("job %q: %s is not supported", job.ID.Value, name)
		}
	}
	return nil
}

// together is the result that others see of a matrix.
func together(id string, results []Result) Result {
	sum := Result{Instance: Instance{ID: id}, Result: Skipped, Outputs: map[string]any{}}
	for _, each := range results {
		if sum.Result != Failure {
			sum.Result = each.Result
		}
		maps.Copy(sum.Outputs, each.Outputs)
	}
	return sum
}

// job runs all instances of a job.
func (r *Run) job(ctx context.Context, job *actionlint.Job) ([]Result, error) {
	scope := expression.Scope{Contexts: r.contexts(job), Status: r.status(job)}
	source := ""
	if job.If != nil {
		source = job.If.Value
	}
	runs, err := expression.Condition(source, scope)
	if err != nil {
		return nil, err
	}
	skipped := Result{Instance: Instance{ID: job.ID.Value}, Result: Skipped}
	if !runs {
		r.done(skipped)
		return []Result{skipped}, nil
	}
	rows, err := matrix(job, scope)
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, row := range rows {
		instance := Instance{job.ID.Value, row, r.Event.Token(r.permissions(job))}
		if r.Choose != nil && !r.Choose(instance) {
			continue
		}
		result, err := r.instance(ctx, job, instance)
		if err != nil {
			return results, err
		}
		r.done(result)
		results = append(results, result)
	}
	if len(results) == 0 {
		return nil, errors.New("nothing is chosen of its matrix")
	}
	return results, nil
}

func (r *Run) done(result Result) {
	if r.Done != nil {
		r.Done(result)
	}
}

// permissions are the job's, or the workflow's when it has none.
func (r *Run) permissions(job *actionlint.Job) map[string]string {
	p := job.Permissions
	if p == nil {
		p = r.File.Permissions
	}
	scopes := map[string]string{}
	for name, scope := range p.Scopes {
		scopes[name] = scope.Value.Value
	}
	return scopes
}
