package workflow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/ci/workflows"
)

// recorder is a Machine that writes down what it is told, and answers what a script's first word is mapped to.
type recorder struct {
	dir     string
	outputs map[string]string // by a part of the script, what it writes to GITHUB_OUTPUT
	fails   string            // part of a script that fails
	told    []string
	env     map[string][]string // by script
	job     string
}

func (m *recorder) Begin(_ context.Context, i Instance) (Files, error) {
	m.job = i.Name()
	m.told = append(m.told, "job "+m.job+" "+i.Token)
	return Files{Workspace: "/w", Temp: "/t", Output: filepath.Join(m.dir, "output"), Summary: "/s", Env: filepath.Join(m.dir, "env")}, nil
}

func (m *recorder) Script(_ context.Context, script string, env []string) error {
	m.told = append(m.told, "run "+script)
	m.env[m.job+": "+script] = env
	for part, text := range m.outputs {
		if strings.Contains(script, part) {
			if err := os.WriteFile(filepath.Join(m.dir, "output"), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	if m.fails != "" && strings.Contains(script, m.fails) {
		return errors.New("exit status 1")
	}
	return nil
}

func (m *recorder) Action(_ context.Context, name string, inputs map[string]string, _ []string) error {
	m.told = append(m.told, "uses "+name+" "+inputs["name"])
	return nil
}

func event(name string) Event {
	return Event{
		GitHub:  map[string]any{"event_name": name, "ref": "refs/heads/main"},
		Secrets: map[string]string{"KEY": "hush"}, Vars: map[string]string{"V": "v"},
		Token: func(p map[string]string) string { return "token-" + p["packages"] },
	}
}

const head = "on: push\npermissions: {}\nenv:\n  ALL: ${{ vars.V }}\njobs:\n"

func do(t *testing.T, text string, m *recorder) ([]Result, error) {
	t.Helper()
	f, err := workflows.Parse("a.yml", []byte(head+text))
	if err != nil {
		t.Fatal(err)
	}
	m.dir, m.env = t.TempDir(), map[string][]string{}
	r := Run{File: f, Event: event("push"), Machine: m}
	return r.Do(t.Context())
}

// A job has the secrets of its environment beside the repository's, and no other job has them.
func TestEnvironment(t *testing.T) {
	f, err := workflows.Parse("a.yml", []byte(head+`
  inside:
    runs-on: x
    environment: release
    env:
      KEYS: ${{ secrets.KEY }} ${{ secrets.ROBOT }}
    steps:
      - run: inside
  outside:
    runs-on: x
    env:
      KEYS: ${{ secrets.KEY }} ${{ secrets.ROBOT }}
    steps:
      - run: outside
`))
	if err != nil {
		t.Fatal(err)
	}
	m := &recorder{dir: t.TempDir(), env: map[string][]string{}}
	e := event("push")
	e.Environments = map[string]map[string]string{"release": {"ROBOT": "r2"}, "other": {"KEY": "k"}}
	r := Run{File: f, Event: e, Machine: m}
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]string{"inside": "KEYS=hush r2", "outside": "KEYS=hush "} {
		if !slices.Contains(m.env[script+": "+script], want) {
			t.Errorf("%s: got %q, want %q", script, m.env[script+": "+script], want)
		}
	}
}

func names(results []Result) (all []string) {
	for _, r := range results {
		all = append(all, r.Name()+" "+r.Result)
	}
	return all
}

const chain = `
  last:
    needs: [each]
    if: ${{ !cancelled() && needs.each.result == 'success' }}
    runs-on: x
    steps:
      - run: last
  each:
    needs: [plan, skipped]
    if: ${{ !cancelled() && needs.plan.outputs.has == 'true' }}
    runs-on: x
    permissions:
      packages: read
    strategy:
      matrix: ${{ fromJSON(needs.plan.outputs.matrix) }}
    env:
      KEY: ${{ secrets.KEY }}
    steps:
      - env:
          NAME: ${{ matrix.name }}-${{ env.KEY }}
        run: suite
      - if: failure()
        uses: actions/upload-artifact@v1
        with:
          name: logs-${{ matrix.name }}
      - if: always()
        run: clean
  plan:
    runs-on: x
    outputs:
      has: ${{ steps.m.outputs.has }}
      matrix: ${{ steps.m.outputs.matrix }}
    steps:
      - uses: actions/checkout@v1
      - id: m
        run: matrix
  skipped:
    if: github.event_name == 'pull_request'
    runs-on: x
    steps:
      - run: never
  behind:
    needs: [last]
    runs-on: x
    steps:
      - run: never
`

func TestRun(t *testing.T) {
	const list = "has=true\nmatrix={\"include\":[{\"name\":\"a\"},{\"name\":\"b\"}]}\n"
	m := &recorder{outputs: map[string]string{"matrix": list}}
	results, err := do(t, chain, m)
	if err != nil {
		t.Fatal(err)
	}
	// "behind" has an ancestor that was skipped, and no status function.
	want := []string{"plan success", "skipped skipped", "each (a) success", "each (b) success", "last success", "behind skipped"}
	if d := cmp.Diff(want, names(results)); d != "" {
		t.Errorf("results (-want +got):\n%s", d)
	}
	told := []string{
		"job plan token-", "uses actions/checkout ", "run matrix", "job each (a) token-read", "run suite", "run clean",
		"job each (b) token-read", "run suite", "run clean", "job last token-", "run last",
	}
	if d := cmp.Diff(told, m.told); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
	got := strings.Join(m.env["each (b): suite"], "\n")
	for _, variable := range []string{"ALL=v", "KEY=hush", "NAME=b-hush", "GITHUB_REF=refs/heads/main", "RUNNER_TEMP=/t", "CI=true"} {
		if !strings.Contains("\n"+got+"\n", "\n"+variable+"\n") {
			t.Errorf("no %s in\n%s", variable, got)
		}
	}
	if strings.Contains(strings.Join(m.env["plan: matrix"], "\n"), "hush") {
		t.Error("a job has a secret that another one asked for")
	}
}

func TestFailure(t *testing.T) {
	const list = "has=true\nmatrix={\"include\":[{\"name\":\"a\"}]}\n"
	m := &recorder{outputs: map[string]string{"matrix": list}, fails: "suite"}
	results, err := do(t, chain, m)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"plan success", "skipped skipped", "each (a) failure", "last skipped", "behind skipped"}
	if d := cmp.Diff(want, names(results)); d != "" {
		t.Errorf("results (-want +got):\n%s", d)
	}
	told := strings.Join(m.told, "\n")
	if !strings.HasSuffix(told, "run suite\nuses actions/upload-artifact logs-a\nrun clean") || results[2].Err == nil {
		t.Errorf("told:\n%s\nerror %v", told, results[2].Err)
	}
}

func TestNothingToDo(t *testing.T) {
	m := &recorder{outputs: map[string]string{"matrix": "has=false\nmatrix={\"include\":[]}\n"}}
	results, err := do(t, chain, m)
	want := []string{"plan success", "skipped skipped", "each skipped", "last skipped", "behind skipped"}
	if d := cmp.Diff(want, names(results)); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestUnknownIsAnError(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"container":      {"  a:\n    container: x\n    runs-on: x\n    steps:\n      - run: x\n", `job "a": container is not supported`},
		"shell":          {"  a:\n    runs-on: x\n    steps:\n      - run: x\n        shell: sh\n", "shell and working-directory are not supported"},
		"in a script":    {"  a:\n    runs-on: x\n    steps:\n      - run: ${{ vars.V }}\n", "an expression in a script is not supported"},
		"context":        {"  a:\n    runs-on: x\n    steps:\n      - run: x\n        env:\n          A: ${{ inputs.x }}\n", `there is no context "inputs" here`},
		"secret in if":   {"  a:\n    if: secrets.KEY\n    runs-on: x\n    steps:\n      - run: x\n", `there is no context "secrets" here`},
		"function":       {"  a:\n    runs-on: x\n    steps:\n      - run: x\n        if: hashFiles('a')\n", "function hashFiles is not supported"},
		"tolerated step": {"  a:\n    runs-on: x\n    steps:\n      - run: x\n        continue-on-error: true\n", "of a step are not supported"},
		"exclude":        {"  a:\n    strategy:\n      matrix:\n        b: [c]\n        exclude:\n          - b: c\n    runs-on: x\n    steps:\n      - run: x\n", "a matrix must be"},
		"empty matrix":   {"  a:\n    strategy:\n      matrix: ${{ fromJSON('{\"include\":[]}') }}\n    runs-on: x\n    steps:\n      - run: x\n", "the matrix is empty"},
	} {
		if _, err := do(t, c.text, &recorder{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
	}
}

func TestRows(t *testing.T) {
	results, err := do(t, "  a:\n    strategy:\n      matrix:\n        b: [c, d]\n        e: [f]\n    runs-on: x\n    steps:\n      - run: x\n", &recorder{})
	if d := cmp.Diff([]string{"a (c, f) success", "a (d, f) success"}, names(results)); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestParseOutputs(t *testing.T) {
	got, err := parseOutputs("a=1=2\n\nb<<END\nx\ny=z\nEND\nc=x<<y\n")
	if d := cmp.Diff(map[string]any{"a": "1=2", "b": "x\ny=z", "c": "x<<y"}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for _, bad := range []string{"nothing", "a<<END\nx"} {
		if _, err := parseOutputs(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
