package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubernaut/kubernaut/test/bench/measure"
)

// still does nothing in one second.
type still struct{}

func (still) Round(_ context.Context, _ string, r *measure.Round) error {
	r.Add("unchanged", time.Second)
	return nil
}

func (still) Close(context.Context) error { return nil }

func suiteOf(name string) measure.Suite {
	return measure.Suite{
		Name: name, Title: "Of " + name, About: "Nothing.", Competitors: []string{"slipway"}, Cases: []string{"unchanged"},
		Open: func(context.Context, *measure.Host) (measure.Bench, error) { return still{}, nil },
	}
}

func command(t *testing.T, workspace string) (b bench, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	env := map[string]string{"KUBERNAUT_CACHE": t.TempDir(), "BUILD_WORKSPACE_DIRECTORY": workspace, "BUILD_WORKING_DIRECTORY": t.TempDir()}
	return bench{[]measure.Suite{suiteOf("load"), suiteOf("push")}, func(name string) string { return env[name] }, stdout, stderr}, stdout, stderr
}

func TestBadInput(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, `--suite must be of load, push, got ""`},
		{[]string{"--suite=pull"}, `--suite must be of load, push, got "pull"`},
		{[]string{"--suite=load", "now"}, `unknown argument "now"`},
		{[]string{"--suite=load", "--rounds=0"}, "--rounds must be 1 or more, got 0"},
		{[]string{"--suite=load", "--rounds=4", "--update"}, "--update needs --rounds=5 or more, got 4"},
		{[]string{"--suite=load", "--update"}, "--update needs the workspace"},
		{[]string{"--fast"}, "flag provided but not defined: -fast"},
	}
	for _, test := range tests {
		b, stdout, stderr := command(t, "")
		if code := b.main(t.Context(), test.args); code != 2 || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%q: exit code %d and %q, want 2 and %q", test.args, code, stderr, test.want)
		}
		if stdout.Len() > 0 {
			t.Errorf("%q: %q on stdout", test.args, stdout)
		}
	}
}

func TestRun(t *testing.T) {
	workspace := t.TempDir()
	path := filepath.Join(workspace, document)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("# Benchmarks\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	b, stdout, stderr := command(t, workspace)
	if code := b.main(t.Context(), []string{"--suite=push,load", "--update", "--json=out.json"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## Of load", "## Of push"} {
		if !strings.Contains(string(got), want) || !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is not in document %q and stdout %q", want, got, stdout)
		}
	}
	var results []measure.Result
	data, err := os.ReadFile(filepath.Join(b.getenv("BUILD_WORKING_DIRECTORY"), "out.json"))
	if err == nil {
		err = json.Unmarshal(data, &results)
	}
	if err != nil || len(results) != 2 || len(results[0].Samples) != measure.MinRounds {
		t.Errorf("JSON %q, error %v", data, err)
	}
}

func TestHelp(t *testing.T) {
	b, _, stderr := command(t, "")
	if code := b.main(t.Context(), []string{"--help"}); code != 0 || !strings.Contains(stderr.String(), "load, push") {
		t.Errorf("exit code %d and %q", code, stderr)
	}
}

func TestSuitesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range suites() {
		if seen[s.Name] || s.Title == "" || s.About == "" || s.Open == nil || len(s.Competitors) == 0 || len(s.Cases) == 0 {
			t.Errorf("suite %q is not complete, or there twice", s.Name)
		}
		seen[s.Name] = true
	}
}

// A target of a case, competitor or column that does not exist would never be met, and nobody would know why.
func TestTargetsNameWhatThereIs(t *testing.T) {
	for _, s := range suites() {
		r := measure.Result{Rounds: 1, Columns: s.Columns}
		for _, name := range s.Cases {
			for _, competitor := range s.Competitors {
				sample := measure.Sample{Round: 1, Case: name, Competitor: competitor, Seconds: 1}
				for _, c := range s.Columns {
					sample.Count(c.Name, 1)
				}
				r.Samples = append(r.Samples, sample)
			}
		}
		for _, target := range s.Targets {
			if got, _ := target.Judge(&r); strings.Contains(got, "not measured") {
				t.Errorf("suite %q: %s: %s", s.Name, target.Text, got)
			}
		}
	}
}

func TestRounds(t *testing.T) {
	few := measure.Suite{Rounds: 1}
	for _, c := range []struct {
		rounds, want int
		suite        measure.Suite
	}{
		{byDefault, measure.MinRounds, measure.Suite{}}, {byDefault, 1, few}, {3, 3, measure.Suite{}}, {3, 3, few},
	} {
		if got := (options{rounds: c.rounds}).of(c.suite); got != c.want {
			t.Errorf("--rounds=%d of a suite that needs %d: got %d, want %d", c.rounds, c.suite.Needed(), got, c.want)
		}
	}
	for _, rounds := range []int{byDefault, 1, 4} {
		err := options{rounds: rounds, update: true, suites: []measure.Suite{few}}.check(nil)
		if err != nil {
			t.Errorf("--update --rounds=%d of a suite that needs 1: %v", rounds, err)
		}
	}
	if err := (options{rounds: 4, update: true, suites: []measure.Suite{few, {}}}).check(nil); err == nil {
		t.Error("--update --rounds=4 of a suite that needs 5: no error")
	}
}
