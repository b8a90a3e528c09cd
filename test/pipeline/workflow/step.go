package workflow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rhysd/actionlint"

	"github.com/kubernaut/kubernaut/tools/ci/workflows/expression"
)

// uninterpretable is an error of the run, not of a step.
type uninterpretable struct{ error }

// running is an instance between its steps.
type running struct {
	run    *Run
	job    *actionlint.Job
	files  Files
	scope  expression.Scope
	env    map[string]string
	steps  map[string]any // by id
	result Result
}

func (r *Run) instance(ctx context.Context, job *actionlint.Job, i Instance) (Result, error) {
	start := time.Now()
	files, err := r.Machine.Begin(ctx, i)
	if err != nil {
		return Result{}, err
	}
	s := &running{
		run: r, job: job, files: files, scope: expression.Scope{Contexts: r.inside(job, i, files)}, env: r.defaults(i, files),
		steps: map[string]any{}, result: Result{Instance: i, Result: Success, Outputs: map[string]any{}},
	}
	for _, env := range []*actionlint.Env{r.File.Env, job.Env} {
		if err := s.add(s.env, env); err != nil {
			return s.result, err
		}
	}
	s.scope.Contexts["steps"] = s.steps
	for _, step := range job.Steps {
		if err := s.step(ctx, step); err != nil {
			return s.result, fmt.Errorf("step %d: %w", step.Pos.Line, err)
		}
	}
	for name, output := range job.Outputs {
		value, err := expression.Interpolate(output.Value.Value, s.scope)
		if err != nil {
			return s.result, err
		}
		s.result.Outputs[name] = value
	}
	s.result.Took = time.Since(start)
	return s.result, nil
}

// defaults are the variables that GitHub sets, as far as the context says.
// https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables
func (r *Run) defaults(i Instance, files Files) map[string]string {
	env := map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": files.Workspace, "RUNNER_TEMP": files.Temp, "GITHUB_JOB": i.ID,
		"GITHUB_OUTPUT": files.Output, "GITHUB_STEP_SUMMARY": files.Summary, "GITHUB_ENV": files.Env,
	}
	for name, value := range r.Event.GitHub {
		if text, ok := value.(string); ok {
			env["GITHUB_"+strings.ToUpper(name)] = text
		}
	}
	return env
}

// add evaluates variables; one may not see another of the same level.
func (s *running) add(to map[string]string, env *actionlint.Env) error {
	if env == nil {
		return nil
	}
	if env.Expression != nil {
		return uninterpretable{errors.New("env as one expression is not supported")}
	}
	for _, v := range env.Vars {
		value, err := expression.Interpolate(v.Value.Value, s.scope)
		if err != nil {
			return uninterpretable{err}
		}
		to[v.Name.Value] = value
	}
	return nil
}

func (s *running) step(ctx context.Context, step *actionlint.Step) error {
	if step.ContinueOnError != nil || step.TimeoutMinutes != nil {
		return uninterpretable{errors.New("continue-on-error and timeout-minutes of a step are not supported")}
	}
	env := maps.Clone(s.env)
	s.scope.Contexts["env"] = object(s.env)
	if err := s.add(env, step.Env); err != nil {
		return err
	}
	s.scope.Contexts["env"] = object(env)
	source := ""
	if step.If != nil {
		source = step.If.Value
	}
	runs, err := expression.Condition(source, s.scope)
	if err != nil {
		return uninterpretable{err}
	}
	result, outputs := Skipped, map[string]any{}
	if runs {
		if result, outputs, err = s.execute(ctx, step, env); err != nil {
			return err
		}
	}
	if step.ID != nil {
		s.steps[step.ID.Value] = map[string]any{"outcome": result, "conclusion": result, "outputs": outputs}
	}
	return nil
}

// execute returns an error only for what cannot be interpreted.
func (s *running) execute(ctx context.Context, step *actionlint.Step, env map[string]string) (string, map[string]any, error) {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	err := s.perform(ctx, step, list)
	var fatal uninterpretable
	if errors.As(err, &fatal) {
		return "", nil, err
	}
	outputs, outputErr := readOutputs(s.files.Output)
	if info, statErr := os.Stat(s.files.Env); statErr == nil && info.Size() > 0 {
		return "", nil, uninterpretable{errors.New("GITHUB_ENV is not supported")}
	}
	if err = errors.Join(err, outputErr); err != nil {
		s.result.Result, s.scope.Status.Failed = Failure, true
		s.result.Err = errors.Join(s.result.Err, err)
		return Failure, outputs, nil
	}
	return Success, outputs, nil
}

func (s *running) perform(ctx context.Context, step *actionlint.Step, env []string) error {
	switch exec := step.Exec.(type) {
	case *actionlint.ExecRun:
		if exec.Shell != nil || exec.WorkingDirectory != nil {
			return uninterpretable{errors.New("shell and working-directory are not supported")}
		}
		if exec.Run.ContainsExpression() {
			return uninterpretable{errors.New("an expression in a script is not supported")}
		}
		return s.run.Machine.Script(ctx, exec.Run.Value, env)
	case *actionlint.ExecAction:
		inputs := map[string]string{}
		for name, input := range exec.Inputs {
			value, err := expression.Interpolate(input.Value.Value, s.scope)
			if err != nil {
				return uninterpretable{err}
			}
			inputs[name] = value
		}
		name, _, _ := strings.Cut(exec.Uses.Value, "@")
		return s.run.Machine.Action(ctx, name, inputs, env)
	}
	return uninterpretable{fmt.Errorf("a step of %T is not supported", step.Exec)}
}
