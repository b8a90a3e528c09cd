package workflow

import (
	"errors"
	"maps"
	"slices"

	"github.com/rhysd/actionlint"

	"github.com/kubernaut/kubernaut/tools/ci/workflows/expression"
)

// contexts are those of a job's condition, matrix and outputs.
// https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#context-availability
func (r *Run) contexts(job *actionlint.Job) map[string]any {
	needs := map[string]any{}
	for _, need := range job.Needs {
		result := r.results[need.Value]
		needs[need.Value] = map[string]any{"result": result.Result, "outputs": result.Outputs}
	}
	return map[string]any{"github": r.Event.GitHub, "vars": object(r.Event.Vars), "needs": needs}
}

// inside adds what only steps and the variables of a job see.
func (r *Run) inside(job *actionlint.Job, i Instance, files Files) map[string]any {
	contexts := r.contexts(job)
	github := maps.Clone(r.Event.GitHub)
	github["token"], github["workspace"], github["job"] = i.Token, files.Workspace, i.ID
	secrets := object(r.Event.Secrets)
	if job.Environment != nil {
		maps.Copy(secrets, object(r.Event.Environments[job.Environment.Name.Value]))
	}
	secrets["GITHUB_TOKEN"] = i.Token
	contexts["github"], contexts["secrets"], contexts["matrix"] = github, secrets, i.Matrix
	contexts["runner"] = map[string]any{"temp": files.Temp, "os": "Linux"}
	return contexts
}

func object(values map[string]string) map[string]any {
	o := map[string]any{}
	for name, value := range values {
		o[name] = value
	}
	return o
}

// status looks at all ancestors, as GitHub does: a job behind one that was skipped is skipped, even if the one between ran.
func (r *Run) status(job *actionlint.Job) expression.Status {
	var s expression.Status
	for _, need := range job.Needs {
		switch r.results[need.Value].Result {
		case Failure:
			s.Failed = true
		case Skipped:
			s.Skipped = true
		}
		above := r.status(r.File.Jobs[need.Value])
		s.Failed, s.Skipped = s.Failed || above.Failed, s.Skipped || above.Skipped
	}
	return s
}

var errMatrix = errors.New("a matrix must be an expression of an object with include, or rows of texts without include and exclude")

// matrix returns the rows; a job without one has one row, nil.
func matrix(job *actionlint.Job, scope expression.Scope) ([]map[string]any, error) {
	if job.Strategy == nil || job.Strategy.Matrix == nil {
		return []map[string]any{nil}, nil
	}
	m := job.Strategy.Matrix
	if m.Expression == nil {
		return product(m)
	}
	value, err := expression.Evaluate(m.Expression.Value, scope)
	if err != nil {
		return nil, err
	}
	o, _ := value.(map[string]any)
	list, ok := o["include"].([]any)
	if !ok || len(o) != 1 {
		return nil, errMatrix
	}
	if len(list) == 0 {
		return nil, errors.New("the matrix is empty, which GitHub refuses")
	}
	var rows []map[string]any
	for _, each := range list {
		row, ok := each.(map[string]any)
		if !ok {
			return nil, errMatrix
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func product(m *actionlint.Matrix) ([]map[string]any, error) {
	if m.Include != nil || m.Exclude != nil {
		return nil, errMatrix
	}
	rows := []map[string]any{{}}
	for _, name := range slices.Sorted(maps.Keys(m.Rows)) {
		var next []map[string]any
		for _, value := range m.Rows[name].Values {
			text, ok := value.(*actionlint.RawYAMLString)
			if !ok || actionlint.ContainsExpression(text.Value) {
				return nil, errMatrix
			}
			for _, row := range rows {
				longer := maps.Clone(row)
				longer[name] = text.Value
				next = append(next, longer)
			}
		}
		if next == nil {
			return nil, errMatrix
		}
		rows = next
	}
	return rows, nil
}
