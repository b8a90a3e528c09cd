// Package job measures what a CI job of this project takes of the runner's disk: the commands of the workflow in a clean
// checkout with an output base of its own, for all ten services.
//
// Disk is the free space of the machine's file systems, sampled four times a second: nothing that anybody takes escapes it, so
// the machine must be quiet. What is there before the job is not in it: the tool set (Bazel, Go, the engine) and the node
// image. What the output base and the engine hold is measured beside it, by walks, to say where the space went.
//
// A cached job finds all outputs in the machine's disk cache, which stands for a remote cache; what the job adds to it counts.
// A cold job's cache is empty at the start: it builds everything and keeps it. A job by bundle has neither Bazel nor a checkout:
// it gets the archive of all suites, and the layers from the cache.
package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/remotecache/second"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// Competitors: the jobs.
const (
	cached  = "cached"
	cold    = "cold"
	bundled = "bundle"
)

// Why targets are missed.
const (
	newCluster = "A new cluster takes 0.21 GB before it has any image of ours, 0.17 GB of it for Kubernetes' own images, which the free space " +
		"cannot tell from the rest. "
	besideServices = "unpacked, the ten images of the platform take 0.32 GB, and PostgreSQL and what the suites' tests deploy 0.11 GB; the " +
		"content of the layers that are on their way, up to 33 MB, is there for a moment. It would take a PostgreSQL without ICU's data, 33 MB, " +
		"and no layer on its way while another one is unpacked."
)

// What is counted.
var (
	most      = bytesColumn("most, since the job began")
	end       = bytesColumn("at the end")
	external  = bytesColumn("external repositories")
	outputs   = bytesColumn("build outputs")
	onHost    = bytesColumn("image layers on the host")
	inNodes   = bytesColumn("images in the nodes")
	inStorage = bytesColumn("engine")
)

func bytesColumn(name string) measure.Column { return measure.Column{Name: name, Unit: measure.Bytes} }

// Suite is the job with a warm cache.
func Suite() measure.Suite {
	s := suite(cached, disk.Statfs)
	s.Targets = []measure.Target{
		measure.AtMost(whole, cached, most, 1_500_000_000).Because(newCluster + "Bazel unpacks external repositories to analyse them, " +
			"whatever a cache has. It would take fewer modules, or the bundle."),
		measure.AtMost(whole, cached, onHost, 0),
		measure.AtMost(suites, cached, inNodes, 400_000_000).Because(besideServices),
	}
	return s
}

// Cold is the job with an empty cache. It takes as long as a build from nothing.
func Cold() measure.Suite {
	s := suite(cold, disk.Statfs)
	s.Name, s.Title = "job-cold", "The disk of a CI job, everything built"
	return s
}

// suite asks statfs for the free space.
func suite(kind string, statfs func(string) (disk.Space, error)) measure.Suite {
	return measure.Suite{
		Name: "job", Title: "The disk of a CI job",
		About: "The job pushes all ten images to a registry and runs all suites in a new kind cluster, in a clean checkout " +
			"with `--config=ci`. *Most* is what all file systems together had less free than when the job began, at the worst moment " +
			"of the phase (four looks a second); *at the end* is when the phase is over. The tool set (Bazel, Go, the engine) and the node " +
			"image are there before. The other columns say what of it was where at the phase's end, those of engine and nodes at its " +
			"worst moment; the nodes are part of the engine.",
		Competitors: []string{kind},
		Cases:       phases(),
		Rounds:      1, // a job takes minutes, and its disk hardly varies
		Columns:     []measure.Column{most, end, external, outputs, onHost, inNodes, inStorage},
		Open: func(ctx context.Context, host *measure.Host) (measure.Bench, error) {
			return open(ctx, host, statfs)
		},
	}
}

// Phases.
const (
	copying     = "check-out"
	pushBuild   = "push: build"
	pushing     = "push: send"
	suitesBuild = "suites: build"
	suites      = "suites: run"
	whole       = "whole job"
)

func phases() []string { return []string{copying, pushBuild, pushing, suitesBuild, suites, whole} }

type bench struct {
	host      *measure.Host
	workspace string
	storage   string // the engine's folder; empty when it is not known
	statfs    func(string) (disk.Space, error)
}

func open(ctx context.Context, host *measure.Host, statfs func(string) (disk.Space, error)) (measure.Bench, error) {
	b := &bench{host: host, workspace: os.Getenv("BUILD_WORKSPACE_DIRECTORY"), statfs: statfs}
	if b.workspace == "" {
		return nil, errors.New("no checkout to copy; start it by `tools/bazelw run //test/bench`")
	}
	out, err := exec.CommandContext(ctx, "docker", "info", "--format", "{{.DockerRootDir}}").Output()
	if err == nil {
		b.storage = strings.TrimSpace(string(out))
	}
	return b, nil
}

func (b *bench) Close(context.Context) error { return nil }

// Round runs one job, from the copy of the checkout to the end of its server.
func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) (err error) {
	j, err := b.begin(competitor)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.end(ctx)) }()
	for _, s := range j.steps(competitor) {
		if err := j.phase(ctx, r, s.phase, s.do); err != nil {
			return err
		}
	}
	return j.sum(r)
}

// step is what happens in a phase.
type step struct {
	phase string
	do    func(context.Context) error
}

func (j *job) steps(competitor string) []step {
	if competitor == bundled {
		return []step{{unpacking, j.unpack}, {suites, j.runBundle}}
	}
	return []step{{copying, j.copy}, {pushBuild, j.buildPush}, {pushing, j.push}, {suitesBuild, j.buildSuites}, {suites, j.run}}
}

// job is one job.
type job struct {
	bench    *bench
	cold     bool
	checkout *second.Checkout // nil before copy
	registry *httptest.Server
	gauge    *disk.Gauge
	log      *os.File
	total    total
}

func (b *bench) begin(competitor string) (*job, error) {
	j := &job{bench: b, cold: competitor == cold, gauge: disk.NewGauge(b.statfs)}
	for _, path := range []string{b.host.Dir, os.TempDir(), b.storage} {
		if path == "" {
			continue
		}
		if err := j.gauge.Add(path, -1); err != nil {
			return nil, err
		}
	}
	var err error
	if j.log, err = os.Create(filepath.Join(b.host.State, "job.log")); err != nil {
		return nil, err
	}
	// In memory: a job's registry is on another machine.
	j.registry = httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	return j, nil
}

func (j *job) end(ctx context.Context) error {
	j.registry.Close()
	err := j.log.Close()
	if j.checkout != nil {
		err = errors.Join(err, j.checkout.Close(ctx))
	}
	return err
}

// copy makes the checkout. Its own disk cache is what makes a job cold.
func (j *job) copy(ctx context.Context) (err error) {
	var rc []string
	if j.cold {
		rc = []string{"build:ci --disk_cache=" + filepath.Join(j.bench.host.Dir, "disk")}
	}
	j.checkout, err = second.New(ctx, j.bench.workspace, j.bench.host.Dir, rc, []string{"CI=1"})
	if err == nil {
		j.checkout.Stdout, j.checkout.Stderr = j.log, j.log
	}
	return err
}

// bazel runs a target. What fails says where the words are.
func (j *job) bazel(ctx context.Context, target string, args ...string) error {
	if err := j.checkout.Bazel(ctx, append([]string{"run", "--config=ci", target, "--"}, args...)...); err != nil {
		return fmt.Errorf("%w; see %s", err, j.log.Name())
	}
	return nil
}

// A dry run builds what a run needs and stops before it does anything.
func (j *job) buildPush(ctx context.Context) error { return j.send(ctx, "--dry-run") }
func (j *job) buildSuites(ctx context.Context) error {
	return j.bazel(ctx, "//test/e2e:all", "--dry-run")
}
func (j *job) push(ctx context.Context) error { return j.send(ctx) }

func (j *job) send(ctx context.Context, more ...string) error {
	host := strings.TrimPrefix(j.registry.URL, "http://")
	return j.bazel(ctx, "//services:push", append([]string{"--registry=" + host + "/job", "--tag=job"}, more...)...)
}

func (j *job) run(ctx context.Context) error {
	return j.bazel(ctx, "//test/e2e:all", "--fresh", "--keep=false", "--report="+j.report())
}

func (j *job) report() string { return filepath.Join(j.bench.host.Dir, "report.json") }
