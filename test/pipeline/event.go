package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/test/pipeline/machine"
	"github.com/kubernaut/kubernaut/test/pipeline/workflow"
	"github.com/kubernaut/kubernaut/tools/ci/workflows"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
	ledger "github.com/kubernaut/kubernaut/tools/slipway/report"
)

// workflowFolder is relative to a checkout.
const workflowFolder = ".github/workflows"

// report is what an event's run did.
type report struct {
	kind    kind
	tag     string
	jobs    []jobReport
	images  int                      // packages that have the tag afterwards, or have lost it when a pull request was closed
	missing []string                 // services whose package has it not
	ledgers map[string]ledger.Report // of suites, by name
	summary string                   // of the summary job
	secrets []string                 // variables that hold a secret, of all jobs
	uploads int                      // requests that wrote to the remote cache
}

// jobReport is what one job took and moved. Bytes are those of the registry and of the remote cache.
type jobReport struct {
	workflow.Result
	pushed, pulled, cached int64
	peak                   int64 // most that was taken of the disks since the job began
}

// event runs a workflow once and checks what came of it.
func (p *pipeline) event(ctx context.Context, name string) (r report, err error) {
	if r.kind, err = kinds(name); err != nil {
		return r, err
	}
	switch {
	case r.kind.closed:
		err = p.close(ctx, &r)
	case r.kind.version != "":
		err = p.release(ctx, &r)
	default:
		err = p.change(ctx, name, &r)
	}
	return r, err
}

// change is a commit that CI tests.
func (p *pipeline) change(ctx context.Context, name string, r *report) error {
	head, err := p.origin.change(ctx, name, r.kind.pull)
	if err != nil {
		return err
	}
	r.tag, p.limits.left = r.kind.tag(head), nil
	if err := os.RemoveAll(filepath.Join(p.runner(), "artifacts")); err != nil {
		return err
	}
	before := p.remote.Counts()
	m, err := p.workflow(ctx, head, r)
	r.summary, r.uploads = m.summary, uploads(p.remote.Counts())-uploads(before)
	p.count(r)
	p.conclude(head, r)
	var unread error
	r.ledgers, unread = ledgers(m.Artifacts())
	return errors.Join(err, unread, r.check(len(p.packages())))
}

// workflow runs the event's, as it is in the commit head. What it returns has been measured even when there is an error.
func (p *pipeline) workflow(ctx context.Context, head string, r *report) (*measured, error) {
	event := r.kind.event(p.origin.base, head, hub{api: p.registry.API, cache: p.remote.GRPC, registry: p.registry.Host, releases: p.releases.Host, key: p.key})
	m := &measured{registries: []*ghcr.Server{p.registry, p.releases}, remote: p.remote, dir: p.dir}
	m.Machine = &machine.Machine{
		Dir: p.runner(), Origin: p.origin.dir, Commit: head, Log: os.Stderr, Edit: p.limits.edit,
		Bazel: []string{"startup --output_base=" + p.output()}, Inspect: r.inspect(event),
	}
	data, err := os.ReadFile(filepath.Join(p.origin.dir, workflowFolder, r.kind.file))
	if err != nil {
		return m, fmt.Errorf("reading the workflow: %w", err)
	}
	file, err := workflows.Parse(r.kind.file, data)
	if err != nil {
		return m, err
	}
	run := workflow.Run{File: file, Event: event, Choose: p.limits.choose, Machine: m, Done: m.done}
	_, err = run.Do(ctx)
	m.stopWatching()
	r.jobs = m.jobs
	return m, err
}

// conclude tells GitHub's API what has become of the commit's jobs.
func (p *pipeline) conclude(head string, r *report) {
	if !r.kind.pull {
		p.main = head
	}
	for _, j := range r.jobs {
		p.registry.SetCheckRun(ghcr.CheckRun{
			Repository: repository, Commit: head, Name: j.Name(), App: "github-actions", Status: "completed", Conclusion: j.Result.Result,
		})
	}
}

// count looks for the event's tag in the registry.
func (p *pipeline) count(r *report) {
	for _, image := range p.packages() {
		if p.registry.Digest(image, r.tag) != "" {
			r.images++
		}
	}
	for _, service := range p.origin.services() {
		if p.registry.Digest(repository+"/"+service, r.tag) == "" {
			r.missing = append(r.missing, service)
		}
	}
}

// ledgers are what suites have left as artifacts, "ledger-<suite>/<suite>.json"; those of pushes have no suite.
func ledgers(artifacts string) (map[string]ledger.Report, error) {
	names, err := filepath.Glob(filepath.Join(artifacts, "ledger-*", "*.json"))
	if err != nil {
		return nil, err
	}
	found := map[string]ledger.Report{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading a ledger: %w", err)
		}
		var l ledger.Report
		if err := json.Unmarshal(data, &l); err != nil {
			return nil, fmt.Errorf("reading the ledger %s: %w", filepath.Base(name), err)
		}
		for _, suite := range l.Suites {
			found[suite.Name] = l
		}
	}
	return found, nil
}

func (p *pipeline) runner() string { return filepath.Join(p.dir, "runner") }

func (p *pipeline) output() string { return filepath.Join(p.dir, "output") }

// packages are those that the registry was asked for.
func (p *pipeline) packages() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.registry.Counts())), func(name string) bool {
		_, known := p.registry.Package(name)
		return !known
	})
}

// inspect notes variables with a secret, or with a token that writes in a fork's job. They are looked at before the step runs.
func (r *report) inspect(event workflow.Event) func(workflow.Instance, []string) {
	return func(job workflow.Instance, env []string) {
		for _, variable := range env {
			name, value, _ := strings.Cut(variable, "=")
			if value == writeToken || value == "hush" || name == "BAZEL_REMOTE_CACHE" && event.Secrets != nil {
				r.secrets = append(r.secrets, job.ID+": "+name)
			}
		}
	}
}

// uploads are the requests that write to the cache.
func uploads(c bazelremote.Counts) int {
	n := 0
	for request, times := range c.Requests {
		if strings.HasSuffix(request, "/Write") || strings.HasSuffix(request, "/UpdateActionResult") || strings.HasSuffix(request, "/BatchUpdateBlobs") || strings.HasPrefix(request, "PUT ") {
			n += times
		}
	}
	return n
}

func (p *pipeline) shutdown(ctx context.Context) error {
	bazelw := filepath.Join(p.runner(), "work", "kubernaut", "kubernaut", "tools", "bazelw")
	if _, err := os.Stat(bazelw); err != nil {
		return nil // nothing was checked out
	}
	cmd := exec.CommandContext(ctx, bazelw, "shutdown")
	cmd.Dir = filepath.Dir(filepath.Dir(bazelw))
	return cmd.Run()
}

// measured is a Machine whose jobs are counted.
type measured struct {
	*machine.Machine
	registries []*ghcr.Server
	remote     *bazelremote.Server
	dir        string

	jobs    []jobReport
	summary string    // what the summary job wrote
	start   jobReport // counts when the job began
	peak    int64
	stop    func()
	files   workflow.Files
}

// Begin implements workflow.Machine.
func (m *measured) Begin(ctx context.Context, i workflow.Instance) (workflow.Files, error) {
	m.stopWatching()
	m.start, m.peak = m.counts(), 0
	gauge := disk.NewGauge(nil)
	if err := gauge.Add(m.dir, -1); err != nil {
		return workflow.Files{}, err
	}
	ticker := time.NewTicker(disk.Interval)
	end := disk.Watch(gauge, ticker.C, func(taken int64) { m.peak = max(m.peak, taken) })
	m.stop = func() { end(); ticker.Stop() }
	var err error
	m.files, err = m.Machine.Begin(ctx, i)
	return m.files, err
}

func (m *measured) stopWatching() {
	if m.stop != nil {
		m.stop()
		m.stop = nil
	}
}

func (m *measured) done(result workflow.Result) {
	m.stopWatching()
	job := jobReport{Result: result}
	if result.Result != workflow.Skipped {
		now := m.counts()
		job.pushed, job.pulled, job.cached = now.pushed-m.start.pushed, now.pulled-m.start.pulled, now.cached-m.start.cached
		job.peak = m.peak
		if result.ID == "summary" {
			data, _ := os.ReadFile(m.files.Summary) // none is an empty one
			m.summary = string(data)
		}
	}
	m.jobs = append(m.jobs, job)
}

func (m *measured) counts() (c jobReport) {
	c.pushed, c.pulled = moved(m.registries...)
	c.cached = m.remote.Counts().Sent
	return c
}

// moved are the bytes that registries have got and sent.
func moved(registries ...*ghcr.Server) (pushed, pulled int64) {
	for _, registry := range registries {
		for _, each := range registry.Counts() {
			pushed += each.Received
			pulled += each.Sent
		}
	}
	return pushed, pulled
}
