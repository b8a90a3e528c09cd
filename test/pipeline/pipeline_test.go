package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rhysd/actionlint"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
	"github.com/kubernaut/kubernaut/tools/ci/workflows"
	ledger "github.com/kubernaut/kubernaut/tools/slipway/report"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

var here = hub{api: "http://localhost:5001/api/v3", cache: "grpc://cache", registry: "localhost:5001", releases: "localhost:5002", key: []byte("a key")}

// fake is a machine on which every step works but the one with the text fails; tools/ci answers as it does.
type fake struct {
	dir, fails string
	has        bool
	cluster    bool

	job  string
	env  map[string][]string // of each job's last script
	jobs []string
}

func (m *fake) Begin(_ context.Context, i workflow.Instance) (workflow.Files, error) {
	m.job = i.Name()
	m.jobs = append(m.jobs, m.job)
	return workflow.Files{Workspace: "/w", Temp: "/t", Output: filepath.Join(m.dir, "output"), Env: filepath.Join(m.dir, "env")}, nil
}

func (m *fake) Script(_ context.Context, script string, env []string) error {
	m.env[m.job] = env
	outputs := ""
	switch {
	case m.fails != "" && strings.Contains(script, m.fails):
		return errors.New("exit status 1")
	case strings.Contains(script, "test \"$PASSED\"") && !slices.Contains(env, "PASSED=true"):
		return errors.New("exit status 1")
	case strings.Contains(script, "-- tags"):
		outputs = "repository=localhost:5001/kubernaut/kubernaut\ntag=pr-7\n"
	case strings.Contains(script, "-- matrix") && m.has:
		outputs = fmt.Sprintf("cluster=%t\n", m.cluster) + "has=true\nmatrix={\"include\":[{\"suite\":\"fullpipeline\",\"minutes\":10},{\"suite\":\"gateway\",\"minutes\":2}]}\n"
	case strings.Contains(script, "-- matrix"):
		outputs = fmt.Sprintf("cluster=%t\n", m.cluster) + "has=false\nmatrix={\"include\":[]}\n"
	}
	return os.WriteFile(filepath.Join(m.dir, "output"), []byte(outputs), 0o600)
}

func (m *fake) Action(context.Context, string, map[string]string, []string) error { return nil }

// parsed is a workflow.
func parsed(t *testing.T, name string) workflows.File {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", workflowFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	file, err := workflows.Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func run(t *testing.T, name string, m *fake) map[string]string {
	t.Helper()
	k, err := kinds(name)
	if err != nil {
		t.Fatal(err)
	}
	file := parsed(t, k.file)
	m.dir, m.env = t.TempDir(), map[string][]string{}
	r := workflow.Run{File: file, Event: k.event(commit, commit, here), Machine: m}
	results, err := r.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, each := range results {
		got[each.Name()] = each.Result
	}
	return got
}

// results are those of a run in which everything is right, but for what is named.
func results(differ map[string]string) map[string]string {
	all := map[string]string{
		"test": "success", "plan": "success", "images": "success", "e2e (10, fullpipeline)": "success", "e2e (2, gateway)": "success",
		"cluster": "success", "summary": "success", "gate": "success",
	}
	for name, result := range differ {
		all[name] = result
		if result == "" {
			delete(all, name)
		}
	}
	return all
}

func TestGate(t *testing.T) {
	nothing := map[string]string{
		"e2e (10, fullpipeline)": "", "e2e (2, gateway)": "", "e2e": "skipped", "cluster": "skipped", "summary": "skipped",
	}
	with := func(more ...string) map[string]string {
		all := map[string]string{}
		for name, result := range nothing {
			all[name] = result
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	const failed, skipped = "failure", "skipped"
	for name, c := range map[string]struct {
		event, fails string
		has          bool // and a test with a cluster
		want         map[string]string
	}{
		"push":                        {"push", "", true, nil},
		"pull request":                {"pull", "", true, nil},
		"fork":                        {"fork", "", true, map[string]string{"images": skipped}},
		"no suite is concerned":       {"pull", "", false, nothing},
		"nor of a fork":               {"fork", "", false, with("images", skipped)},
		"tests fail":                  {"pull", "bazelw test --config=ci //...", true, map[string]string{"test": failed, "gate": failed}},
		"plan fails":                  {"pull", "-- affected", true, with("plan", failed, "images", skipped, "gate", failed)},
		"tags fail":                   {"fork", "-- tags", true, with("plan", failed, "images", skipped, "gate", failed)},
		"push fails":                  {"push", "//services:push", true, map[string]string{"images": failed, "e2e": skipped, "e2e (10, fullpipeline)": "", "e2e (2, gateway)": "", "summary": skipped, "gate": failed}},
		"tests' images fail":          {"push", "//test/images:push", true, map[string]string{"images": failed, "e2e": skipped, "e2e (10, fullpipeline)": "", "e2e (2, gateway)": "", "summary": skipped, "gate": failed}},
		"indexes fail":                {"push", "//services:push_all", true, map[string]string{"images": failed, "e2e": skipped, "e2e (10, fullpipeline)": "", "e2e (2, gateway)": "", "summary": skipped, "gate": failed}},
		"nobody releases a request":   {"pull", "//services:push_all", true, nil},
		"login fails":                 {"push", "docker login", true, map[string]string{"images": failed, "e2e": skipped, "e2e (10, fullpipeline)": "", "e2e (2, gateway)": "", "summary": skipped, "gate": failed}},
		"suites fail":                 {"fork", "//test/e2e:$SUITE", true, map[string]string{"images": skipped, "e2e (10, fullpipeline)": failed, "e2e (2, gateway)": failed, "gate": failed}},
		"tests with a cluster fail":   {"pull", "//test/e2e/faults", true, map[string]string{"cluster": failed, "gate": failed}},
		"nobody can read the ledgers": {"pull", "-- report", true, map[string]string{"summary": failed, "gate": failed}},
	} {
		if d := cmp.Diff(results(c.want), run(t, c.event, &fake{fails: c.fails, has: c.has, cluster: c.has})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Suites and what else needs a cluster are concerned by themselves.
func TestCluster(t *testing.T) {
	for _, c := range []struct {
		has, cluster           bool
		e2e, with, fails, gate string
	}{
		{has: false, cluster: true, e2e: "skipped", with: "success", gate: "success"},
		{has: false, cluster: true, e2e: "skipped", fails: "//test/e2e/faults", with: "failure", gate: "failure"},
		{has: true, cluster: false, e2e: "", with: "skipped", gate: "success"},
	} {
		got := run(t, "pull", &fake{has: c.has, cluster: c.cluster, fails: c.fails})
		if got["e2e"] != c.e2e || got["cluster"] != c.with || got["gate"] != c.gate {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestVariables(t *testing.T) {
	const registry = "localhost:5001/kubernaut/kubernaut"
	for event, want := range map[string][]string{
		"push": {"IMAGE_REGISTRY=" + registry, "IMAGE_TAG=pr-7", "BAZEL_REMOTE_CACHE_READONLY=0", "SUITE=gateway"},
		"pull": {"IMAGE_REGISTRY=" + registry, "IMAGE_TAG=pr-7", "BAZEL_REMOTE_CACHE_READONLY=1", "SUITE=gateway"},
		"fork": {"IMAGE_REGISTRY=", "IMAGE_TAG=", "BAZEL_REMOTE_CACHE_READONLY=1", "SUITE=gateway"},
	} {
		m := &fake{has: true}
		run(t, event, m)
		for _, variable := range want {
			if env := m.env["e2e (2, gateway)"]; !slices.Contains(env, variable) {
				t.Errorf("%s: a suite has no %s: %q", event, variable, env)
			}
		}
	}
}

// A version is nobody's before the gate has passed, and keys go nowhere else.
func TestRelease(t *testing.T) {
	m := &fake{}
	if got := run(t, "release", m); !cmp.Equal(got, map[string]string{"release": "success"}) {
		t.Errorf("got %v", got)
	}
	for _, variable := range []string{"COSIGN_KEY=a key", "COSIGN_PASSWORD=" + keyPassword, "FROM=localhost:5001", "TO=localhost:5002/kubernaut", "GITHUB_REF_NAME=v1.2.3"} {
		if !slices.Contains(m.env["release"], variable) {
			t.Errorf("a release has no %s: %q", variable, m.env["release"])
		}
	}
	m = &fake{fails: "passed --check=gate"}
	if got := run(t, "release", m); !cmp.Equal(got, map[string]string{"release": "failure"}) {
		t.Errorf("got %v", got)
	}
	if env := strings.Join(m.env["release"], " "); strings.Contains(env, "COSIGN") || strings.Contains(env, robotToken) {
		t.Errorf("a step before the gate has a secret: %q", env)
	}
	for _, event := range []string{"push", "pull", "fork", "close"} {
		m := &fake{has: true, cluster: true}
		run(t, event, m)
		for job, env := range m.env {
			if all := strings.Join(env, " "); strings.Contains(all, "a key") || strings.Contains(all, robotToken) {
				t.Errorf("%s: job %s has a secret of releases", event, job)
			}
		}
	}
}

func TestClose(t *testing.T) {
	m := &fake{}
	if got := run(t, "close", m); !cmp.Equal(got, map[string]string{"prune": "success"}) {
		t.Errorf("got %v", got)
	}
	for _, variable := range []string{"NUMBER=7", "GITHUB_TOKEN=" + writeToken, "GITHUB_API_URL=http://localhost:5001/api/v3", "REGISTRY=localhost:5001"} {
		if !slices.Contains(m.env["prune"], variable) {
			t.Errorf("no %s: %q", variable, m.env["prune"])
		}
	}
}

func TestCompare(t *testing.T) {
	before := tags{
		"changed": {"pr-7": "sha256:1", "main-0": "sha256:0"}, "same": {"pr-7": "sha256:2", "main-0": "sha256:2"},
		"new": {"pr-7": "sha256:3"}, "other": {"pr-8": "sha256:4"},
	}
	for name, c := range map[string]struct {
		change func(tags)
		want   string
	}{
		"right":                {func(tags) {}, ""},
		"the tag stays":        {func(a tags) { a["changed"]["pr-7"] = "sha256:1" }, "changed:pr-7 is sha256:1, want gone"},
		"main's tag goes":      {func(a tags) { delete(a["changed"], "main-0") }, "changed:main-0 is gone, want sha256:0"},
		"main's image goes":    {func(a tags) { delete(a, "same") }, "same:main-0 is gone, want sha256:2\nsame:pr-7 is gone, want sha256:2"},
		"a package goes":       {func(a tags) { delete(a, "new") }, "new:pr-7 is gone, want sha256:3"},
		"another one's is cut": {func(a tags) { a["other"]["pr-8"] = "sha256:5" }, "other:pr-8 is sha256:5, want sha256:4"},
	} {
		after := tags{
			"changed": {"main-0": "sha256:0"}, "same": {"pr-7": "sha256:2", "main-0": "sha256:2"},
			"new": {"pr-7": "sha256:3"}, "other": {"pr-8": "sha256:4"},
		}
		if n := before.closed("pr-7", after); n != 1 {
			t.Errorf("%s: %d are closed, want 1", name, n)
		}
		c.change(after)
		got := ""
		if err := before.compare("pr-7", after); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTokens(t *testing.T) {
	write, read := map[string]string{"packages": "write"}, map[string]string{"packages": "read"}
	if got := []string{kind{}.token(write), kind{}.token(read), kind{}.token(nil), kind{fork: true}.token(write)}; !slices.Equal(got, []string{writeToken, readToken, noToken, readToken}) {
		t.Errorf("got %q", got)
	}
}

func TestLimits(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", workflowFolder, "ci-pipeline.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bounded := range []string{allTests, clusterTests} {
		if n := strings.Count(string(data), bounded); n != 1 {
			t.Errorf("%q is in the workflow %d times, want 1: the limits are of no effect", bounded, n)
		}
	}
}

// Which runs there were decides about an order alone: a plan without them is a plan.
func TestLedgersOfMain(t *testing.T) {
	for name, c := range map[string]struct{ gh, want string }{
		"without gh":        {"", ""},
		"without an answer": {"exit 4", ""},
		"two runs":          {`case $2 in list) echo 12; echo 11 ;; *) mkdir -p "${5#--dir=}"; echo '{}' >"${5#--dir=}/gateway.json" ;; esac`, "11/gateway.json 12/gateway.json"},
		"one has expired":   {`case $2-$3 in list*) echo 12; echo 11 ;; *-12) exit 1 ;; *) mkdir -p "${5#--dir=}"; echo '{}' >"${5#--dir=}/gateway.json" ;; esac`, "11/gateway.json"},
	} {
		dir := t.TempDir()
		if c.gh != "" {
			if err := os.WriteFile(filepath.Join(dir, "gh"), []byte("#!/bin/sh\n"+c.gh+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("bash", "-e", "-c", script(t, "ledgers of main"))
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "RUNNER_TEMP=" + dir}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		var got []string
		found, _ := filepath.Glob(filepath.Join(dir, "last", "*", "*.json"))
		for _, path := range found {
			file, _ := filepath.Rel(filepath.Join(dir, "last"), path)
			got = append(got, file)
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// script is that of the workflow's step with the name.
func script(t *testing.T, name string) string {
	t.Helper()
	file := parsed(t, "ci-pipeline.yml")
	for _, job := range file.Ordered() {
		for _, step := range job.Steps {
			if run, ok := step.Exec.(*actionlint.ExecRun); ok && step.Name != nil && step.Name.Value == name {
				return run.Run.Value
			}
		}
	}
	t.Fatalf("no step is called %q", name)
	return ""
}

// A suite with an image that CI does not push falls back to kind each time.
func TestEveryImageIsPushed(t *testing.T) {
	read := func(parts ...string) string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, parts...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	services, images := read("services", "BUILD.bazel"), read("test", "images", "BUILD.bazel")
	others := regexp.MustCompile("`(//[^`]*:image)`").FindAllStringSubmatch(read("test", "e2e", "E2E_SERVICE_DEPENDENCY_MATRIX.md"), -1)
	if len(others) == 0 {
		t.Fatal("the matrix names no image that is no service's")
	}
	_, prune, _ := strings.Cut(services, "image_prune(")
	prune, _, _ = strings.Cut(prune, "\n)")
	push, _, _ := strings.Cut(services, "image_prune(")
	for _, other := range others {
		if label := `"` + other[1] + `"`; !strings.Contains(push+images, label) || !strings.Contains(prune, label) {
			t.Errorf("suites run %s: //services:push or //test/images:push must have it, and //services:prune", other[1])
		}
	}
}

func passed() report {
	var r report
	for _, id := range []string{"test", "plan", "images", "e2e", "cluster", "summary", "gate"} {
		r.jobs = append(r.jobs, jobReport{Result: workflow.Result{Instance: workflow.Instance{ID: id}, Result: workflow.Success}})
	}
	r.jobs[3].Matrix = map[string]any{"suite": "gateway", "minutes": 2.0}
	r.ledgers = map[string]ledger.Report{"gateway": {Destination: "registry", Tests: &ledger.Tests{Passed: 3}}}
	r.images, r.tag, r.secrets, r.summary = 11, "main-0123456789ab", []string{"test: BAZEL_REMOTE_CACHE"}, "### //test/e2e:gateway"
	return r
}

// suite changes what the suite's ledger says.
func (r *report) suite(destination, fallback string, tests *ledger.Tests) {
	r.ledgers = map[string]ledger.Report{"gateway": {Destination: destination, Fallback: fallback, Reason: "so", Tests: tests}}
}

func TestCheck(t *testing.T) {
	fork := func(r *report) {
		r.kind, r.images, r.secrets, r.jobs[2].Result.Result = kind{fork: true, pull: true}, 0, nil, workflow.Skipped
		r.suite("kind", "", &ledger.Tests{Passed: 3})
	}
	for name, c := range map[string]struct {
		change func(*report)
		want   string
	}{
		"right":             {func(*report) {}, ""},
		"right, of a fork":  {fork, ""},
		"a job fails":       {func(r *report) { r.jobs[3].Result.Result = workflow.Failure }, "job e2e (2, gateway): failure, want success"},
		"a job is skipped":  {func(r *report) { r.jobs[1].Result.Result = workflow.Skipped }, "job plan: skipped, want success"},
		"no gate":           {func(r *report) { r.jobs = r.jobs[:6] }, "the gate did not run"},
		"not all images":    {func(r *report) { r.images = 10 }, "10 of 11 images have tag main-0123456789ab"},
		"a service is lost": {func(r *report) { r.missing = []string{"gateway"} }, `services without an image of tag main-0123456789ab: ["gateway"]`},
		"a suite falls back": {func(r *report) { r.suite("kind", "403 Forbidden", &ledger.Tests{Passed: 3}) },
			"suite gateway: images went to kind, want registry: 403 Forbidden"},
		"a fork uses a registry": {func(r *report) { fork(r); r.suite("registry", "", &ledger.Tests{Passed: 3}) }, "suite gateway: images went to registry, want kind: so"},
		"a suite did not run":    {func(r *report) { r.ledgers = nil }, "suite gateway left no ledger"},
		"no test passed":         {func(r *report) { r.suite("registry", "", &ledger.Tests{Skipped: 3}) }, "suite gateway: no test passed"},
		"no summary":             {func(r *report) { r.summary = "" }, "suite gateway is not in the summary"},
		"a fork pushes":          {func(r *report) { fork(r); r.images = 1 }, "1 images have tag"},
		"a fork has a secret":    {func(r *report) { fork(r); r.secrets = []string{"e2e: X"} }, `a fork's steps have secrets: ["e2e: X"]`},
		"nobody has a secret":    {func(r *report) { r.secrets = nil }, "no step had a secret, so nothing was looked at"},
		"a pull request uploads": {func(r *report) { r.kind.pull, r.uploads = true, 2 }, "2 requests wrote to the remote cache"},
		"a suite pushes":         {func(r *report) { r.jobs[3].pushed = 1000 }, "1.0 kB were pushed outside of the images job"},
	} {
		r := passed()
		c.change(&r)
		err := r.check(11)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "nil")) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
	}
}

// The registry keeps what an event has pushed when the next one comes.
func TestCount(t *testing.T) {
	registry, err := ghcr.New(ghcr.Options{Accounts: []ghcr.Account{ghcr.Workflow(repository, writeToken)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { registry.Close() })
	p := pipeline{registry: registry, origin: origin{dir: t.TempDir()}}
	for _, service := range []string{"gateway", "notification"} {
		dir := filepath.Join(p.origin.dir, "services", service)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "main.go"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t, registry, writeToken, repository+"/gateway:pr-7", empty.Image)
	for event, want := range map[string]report{
		"pull": {images: 1, missing: []string{"notification"}},
		"fork": {missing: []string{"gateway", "notification"}},
	} {
		k, err := kinds(event)
		if err != nil {
			t.Fatal(err)
		}
		got := report{tag: k.tag(commit)}
		p.count(&got)
		if got.images != want.images || !slices.Equal(got.missing, want.missing) {
			t.Errorf("%s: got %d images, missing %q; want %d, missing %q", event, got.images, got.missing, want.images, want.missing)
		}
	}
}

// put writes an index or an image.
func put(t *testing.T, s *ghcr.Server, token, reference string, what remote.Taggable) {
	t.Helper()
	tag, err := name.ParseReference(s.Host + "/" + reference)
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(&authn.Basic{Username: "octocat", Password: token})
	switch what := what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, what, auth)
	case v1.Image:
		err = remote.Write(tag, what, auth)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReleased(t *testing.T) {
	const tested, version = "main-0123456789ab", "v1.2.3"
	images := make([]v1.Image, 3)
	for i := range images {
		var err error
		if images[i], err = mutate.Config(empty.Image, v1.Config{User: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	indexOf := func(images ...v1.Image) v1.ImageIndex {
		var index v1.ImageIndex = empty.Index
		for _, image := range images {
			index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image})
		}
		return index
	}
	both := indexOf(images[:2]...)
	for name, c := range map[string]struct {
		main, released v1.ImageIndex // what main has pushed and what has the version
		tested         v1.Image
		signed         int // how many of index and images
		want           string
	}{
		"right":           {both, both, images[0], 3, ""},
		"no version":      {both, nil, images[0], 3, "kubernaut/gateway:v1.2.3 is not there, want sha256:"},
		"another index":   {both, indexOf(images[1:]...), images[0], 3, "as main has pushed"},
		"another image":   {both, both, images[2], 3, "which was tested"},
		"one platform":    {indexOf(images[0]), indexOf(images[0]), images[0], 2, "has 1 image, want one for each of 2 platforms"},
		"nothing signed":  {both, both, images[0], 0, "is not signed"},
		"an image is not": {both, both, images[0], 2, "is not signed"},
		"nothing tested":  {both, both, nil, 3, "has no image at all, which was tested"},
	} {
		t.Run(name, func(t *testing.T) {
			var p pipeline
			var err error
			if p.registry, err = ghcr.New(ghcr.Options{Accounts: []ghcr.Account{ghcr.Workflow(repository, writeToken)}}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.registry.Close() })
			if p.releases, err = ghcr.New(ghcr.Options{Accounts: []ghcr.Account{ghcr.Personal(robot, robotToken, []string{"write:packages"}, owner)}}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.releases.Close() })
			put(t, p.registry, writeToken, repository+"/gateway:"+tested+"-all", c.main)
			if c.tested != nil {
				put(t, p.registry, writeToken, repository+"/gateway:"+tested, c.tested)
			}
			if c.released != nil {
				put(t, p.releases, robotToken, "kubernaut/gateway:"+version, c.released)
				list, err := c.released.IndexManifest()
				if err != nil {
					t.Fatal(err)
				}
				digest, err := c.released.Digest()
				if err != nil {
					t.Fatal(err)
				}
				for _, signed := range append(digests(list.Manifests), digest.String())[:c.signed] {
					put(t, p.releases, robotToken, "kubernaut/gateway:"+strings.Replace(signed, ":", "-", 1)+".sig", empty.Image)
				}
			}
			err = p.released(t.Context(), "gateway", tested, version)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

func TestLedgers(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"ledger-gateway/gateway.json": `{"destination": "registry", "suites": [{"name": "gateway"}]}`,
		"ledger-push/push.json":       `{"destination": "registry", "suites": []}`,
		"logs-gateway/other.json":     "no JSON",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ledgers(dir)
	if len(got) != 1 || got["gateway"].Destination != "registry" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ledger-push", "push.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledgers(dir); err == nil || !strings.Contains(err.Error(), "push.json") {
		t.Errorf("got error %v", err)
	}
}

func TestWrite(t *testing.T) {
	r := passed()
	r.kind, r.jobs = kind{name: "push to main", verb: "pushed"}, r.jobs[2:3]
	r.jobs[0].pushed, r.jobs[0].peak, r.jobs[0].Took = 1_500_000, 2000, 3*time.Second
	var b strings.Builder
	write(&b, r, limits{tests: "//a", cluster: "//b", left: []string{"c", "d"}})
	want := `## push to main, main-0123456789ab: 11 images pushed

| job | result | time | pushed | pulled | from the cache | disk, most |
|---|---|---|---|---|---|---|
| images | success | 3 s | 1.5 MB | 0 B | 0 B | 2.0 kB |

left out: tests but //a; with a cluster but //b; suites c, d

`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
}

func TestOrigin(t *testing.T) {
	from := t.TempDir()
	file := filepath.Join(from, changedFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x "+changedText+" y"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := newOrigin(t.Context(), initialised(t, from), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pull, err := o.change(t.Context(), "pull", true)
	if err != nil || pull == o.base {
		t.Fatalf("got commit %q on %q, %v", pull, o.base, err)
	}
	push, err := o.change(t.Context(), "push", false)
	if err != nil {
		t.Errorf("a second branch: %v", err)
	}
	for head, want := range map[string]int{pull: 2, push: 1} { // GitHub tests a pull request's merge with main
		parents, err := o.git(t.Context(), "rev-parse", head+"^@")
		if got := strings.Fields(parents); len(got) != want || got[0] != o.base || err != nil {
			t.Errorf("%s has parents %q, %v; want %d, the first %s", head, got, err, want, o.base)
		}
	}
	again, err := o.change(t.Context(), "pull", true)
	if err != nil || again != pull {
		t.Errorf("the same change is %q and %q, %v", pull, again, err)
	}
}

func initialised(t *testing.T, dir string) string {
	t.Helper()
	o := origin{dir: dir}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}} {
		if _, err := o.git(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
