package workflows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder is the same below a checkout and below runfiles.
var folder = filepath.Join("..", "..", "..", ".github", "workflows")

func TestWorkflows(t *testing.T) {
	files, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		problems, err := Actionlint(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range append(problems, Check(f, Rules())...) {
			t.Error(p)
		}
	}
}

// good keeps all rules; each case of TestRules breaks one of them.
const good = `name: good
on:
  pull_request:
    branches: [main]
  push:
    branches: [main]
concurrency:
  group: good-${{ github.ref }}
permissions: {}
jobs:
  test:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read
    env:
      CACHE: ${{ secrets.CACHE || vars.CACHE }}
    strategy:
      fail-fast: false
      matrix:
        name: [a, b]
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v6.0.2
        with:
          persist-credentials: false
      - env:
          NAME: ${{ matrix.name }}
        run: echo "$NAME"
  push:
    if: github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      packages: write
    steps:
      - env:
          TOKEN: ${{ secrets.GITHUB_TOKEN }}
        run: push
  gate:
    if: always()
    needs: [test, push]
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {}
    steps:
      - run: "true"
`

func check(t *testing.T, text string) []string {
	t.Helper()
	f, err := Parse("good.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range Check(f, Rules()) {
		got = append(got, p.Rule+": "+p.Text)
	}
	return got
}

func TestGood(t *testing.T) {
	f, err := Parse("good.yml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	problems, err := Actionlint(f)
	if err != nil || len(problems) > 0 {
		t.Errorf("actionlint: %v, %v", problems, err)
	}
	if got := check(t, good); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestRules(t *testing.T) {
	const uses = "actions/checkout@0123456789abcdef0123456789abcdef01234567 # v6.0.2"
	for name, c := range map[string]struct{ old, new, want string }{
		"tag":                {uses, "actions/checkout@v6", "unpinned-uses: actions/checkout@v6 is not pinned to a commit of 40 hex digits"},
		"no version":         {" # v6.0.2", "", "unpinned-uses: actions/checkout has no comment with its version, such as # v6.0.2"},
		"short commit":       {"0123456789abcdef0123456789abcdef01234567", "0123456", "unpinned-uses: actions/checkout@0123456 is not pinned to a commit of 40 hex digits"},
		"somebody's action":  {"      - run: \"true\"", "      - uses: somebody/login@0123456789abcdef0123456789abcdef01234567 # v1", "forbidden-uses: somebody/login is not one of GitHub's own actions"},
		"credentials":        {"persist-credentials: false", "fetch-depth: 0", "artipacked: the checkout has no persist-credentials: false"},
		"cache of Go":        {"      - run: \"true\"", "      - uses: actions/setup-go@0123456789abcdef0123456789abcdef01234567 # v6", "cache-poisoning: actions/setup-go has no cache: false"},
		"cache":              {"      - run: \"true\"", "      - uses: actions/cache@0123456789abcdef0123456789abcdef01234567 # v6", "cache-poisoning: actions/cache is filled by pull requests, too; Bazel has a remote cache"},
		"half of a cache":    {"      - run: \"true\"", "      - uses: actions/cache/save@0123456789abcdef0123456789abcdef01234567 # v6", "cache-poisoning: actions/cache/save is filled by pull requests, too; Bazel has a remote cache"},
		"an action of ours":  {"      - run: \"true\"", "      - uses: ./.github/actions/x", "forbidden-uses: ./.github/actions/x is not one of GitHub's own actions"},
		"container":          {"    permissions: {}\n    steps", "    permissions: {}\n    container: alpine\n    steps", "forbidden-uses: job \"gate\" has images; a step is a command that runs on every machine"},
		"service container":  {"    permissions: {}\n    steps", "    permissions: {}\n    services:\n      db:\n        image: postgres\n    steps", "forbidden-uses: job \"gate\" has images; a step is a command that runs on every machine"},
		"no permissions":     {"permissions: {}\njobs:", "jobs:", "excessive-permissions: the workflow has no permissions: they would be the repository's default; write permissions: {}"},
		"write-all":          {"permissions: {}\njobs:", "permissions: write-all\njobs:", "excessive-permissions: the workflow has permissions write-all; name the scopes"},
		"write for all jobs": {"permissions: {}\njobs:", "permissions:\n  packages: write\njobs:", "excessive-permissions: every job gets packages: write; give it to the one job that needs it"},
		"a job's default":    {"    permissions:\n      contents: read\n", "", "excessive-permissions: job \"test\" has no permissions; write permissions: {} if it needs none"},
		"read-all":           {"    permissions:\n      contents: read\n", "    permissions: read-all\n", "excessive-permissions: job test has permissions read-all; name the scopes"},
		"another right":      {"contents: read", "contents: write", "excessive-permissions: job \"test\" has contents: write; nothing here writes but packages"},
		"two writers":        {"contents: read", "packages: write", "one-writer: job \"push\" has packages: write, as job \"test\" has already"},
		"title in a script":  {`echo "$NAME"`, `echo "${{ github.event.pull_request.title }}"`, "template-injection: the script has an expression; hand it over in env"},
		"title in JavaScript": {"      - run: \"true\"", "      - uses: actions/github-script@0123456789abcdef0123456789abcdef01234567 # v8\n        with:\n          script: x('${{ github.event.pull_request.title }}')",
			"template-injection: the script has an expression; hand it over in env"},
		"harmless in a script":   {`echo "$NAME"`, `echo ${{ matrix.name }}`, "template-injection: the script has an expression; hand it over in env"},
		"secret for a fork":      {"secrets.CACHE || vars.CACHE", "secrets.CACHE", "overprovisioned-secrets: a fork's pull request reaches this, and has no secret; write secrets.CACHE || '' or a condition of the job"},
		"another secret":         {"secrets.CACHE || vars.CACHE", "secrets.CACHE || secrets.B", "overprovisioned-secrets: a fork's pull request reaches this, and has no secret; write secrets.CACHE || secrets.B || '' or a condition of the job"},
		"condition lets it in":   {"github.event_name == 'push' ||", "github.actor != 'x' ||", "overprovisioned-secrets: a fork's pull request reaches this, and has no secret; write secrets.GITHUB_TOKEN || '' or a condition of the job"},
		"all secrets":            {"secrets.CACHE || vars.CACHE", "toJSON(secrets) || ''", "overprovisioned-secrets: all secrets are handed over; name one"},
		"secret for all":         {"permissions: {}\njobs:", "permissions: {}\nenv:\n  A: ${{ secrets.A || '' }}\njobs:", "overprovisioned-secrets: every job gets ${{ secrets.A || '' }}; give it to the jobs that need it"},
		"no timeout":             {"    timeout-minutes: 5\n    permissions:\n      contents", "    permissions:\n      contents", "timeout: job \"test\" has no timeout-minutes"},
		"fail-fast":              {"      fail-fast: false\n", "", "fail-fast: the matrix of job \"test\" has no fail-fast: false"},
		"one group for all refs": {"good-${{ github.ref }}", "good", "concurrency-limits: the concurrency group is the same for all refs"},
		"gate is skipped":        {"if: always()", "if: success()", "unsound-condition: job \"gate\" must have if: always(); skipped, it would count as passed"},
		"gate does not look":     {"needs: [test, push]", "needs: [test]", "unsound-condition: job \"gate\" does not need job \"push\", which could fail unseen"},
		"no gate":                {"  gate:", "  door:", "unsound-condition: there is no job \"gate\" for branch protection to require"},
		"long script":            {"run: push", "run: |\n          a\n          b\n          c\n          d", "thin-run: the script has 4 lines, at most 3 may be; write a program"},
	} {
		if strings.Count(good, c.old) == 0 {
			t.Errorf("%s: %q is not in the example", name, c.old)
		}
		got := check(t, strings.Replace(good, c.old, c.new, 1))
		if d := cmp.Diff([]string{c.want}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestNoConcurrency(t *testing.T) {
	got := check(t, strings.Replace(good, "concurrency:\n  group: good-${{ github.ref }}\n", "", 1))
	if len(got) != 3 || got[0] != `concurrency-limits: neither the workflow nor job "test" has a concurrency group` {
		t.Errorf("got %q", got)
	}
}

func TestTriggers(t *testing.T) {
	for event, want := range map[string]string{
		"pull_request_target:": "dangerous-triggers: the event pull_request_target has secrets and a token that writes, and a fork can cause it; use pull_request",
		"workflow_run:":        "dangerous-triggers: the event workflow_run has secrets and a token that writes, and a fork can cause it; use pull_request",
		"issue_comment:":       "dangerous-triggers: an event that a fork can cause and that has secrets checks out ref ${{ github.head_ref }}",
	} {
		text := strings.Replace(good, "  pull_request:\n    branches: [main]\n", "  "+event+"\n", 1)
		text = strings.Replace(text, "persist-credentials: false", "persist-credentials: false\n          ref: ${{ github.head_ref }}", 1)
		if got := check(t, text); len(got) == 0 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The steps of a called workflow are elsewhere, and its commit may be anybody's.
func TestCalledWorkflow(t *testing.T) {
	text := good[:strings.Index(good, "  push:\n    if:")] + "  push:\n    permissions: {}\n    uses: somebody/x/.github/workflows/y.yml@main\n" + good[strings.Index(good, "  gate:"):]
	want := []string{`forbidden-uses: job "push" calls somebody/x/.github/workflows/y.yml@main, whose steps are not looked at; write them here`}
	if d := cmp.Diff(want, check(t, text)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A file may begin with empty lines; a problem's line is the file's all the same.
func TestLines(t *testing.T) {
	for _, text := range []string{"\n\n" + good, "\n\n" + strings.TrimSpace(strings.Replace(good, `- run: "true"`, "- uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v6", 1))} {
		for _, p := range check(t, text) {
			if !strings.HasPrefix(p, "artipacked") {
				t.Errorf("got %q", p)
			}
		}
	}
}

func TestActionlint(t *testing.T) {
	f, err := Parse("bad.yml", []byte(strings.Replace(good, "matrix.name", "matrix.nmae", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Actionlint(f); err != nil || len(got) != 1 || !strings.Contains(got[0].Text, "nmae") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); err == nil {
		t.Error("a folder without workflows was accepted")
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.yml"), []byte("on: push\njobs: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), `reading workflow "bad.yml": line 2`) {
		t.Errorf("got error %v", err)
	}
}

func TestEveryRuleNamesItsSource(t *testing.T) {
	for _, r := range Rules() {
		if !strings.HasPrefix(r.Audit, "https://") {
			t.Errorf("rule %s names %q", r.Name, r.Audit)
		}
	}
}
