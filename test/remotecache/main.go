// Command remotecache shows that images go from Bazel's cache to a registry and to a cluster without touching the disk.
//
//	tools/bazelw run //test/remotecache
//
// It copies the checkout's files twice. The first copy builds what Bazel's disk cache lacks, or everything where there is none; a
// bazel-remote has what the disk cache has. The second one then runs the push and the suite with --config=ci, once for each way to a
// cache: gRPC, HTTP, disk. Each time its output base begins empty, the registry has nothing, and the suite gets a new cluster, so that
// every layer has to come from the cache. Afterwards no file of the output base may be a layer, and the rest may have 120 MB beyond
// other modules' files.
//
// It prints a table to stdout and exits 1 when that does not hold. It takes as long as the build and three suites,
// and a kept cluster of the suite is replaced. With --filled=grpcs://cache.example.com it uses a cache that has everything, and
// nothing else: an image whose descriptor is not in it is described here, which fetches the image's layers.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/test/remotecache/second"
	"github.com/kubernaut/kubernaut/tools/checkout"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

// limit is what may be new on the disk, in bytes, beyond other modules' files.
const limit = 120_000_000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetOutput(io.Discard) // bazel-remote tells what it loads
	p := proof{here: os.Getenv("BUILD_WORKSPACE_DIRECTORY"), cache: os.Getenv("KUBERNAUT_CACHE")}
	flag.StringVar(&p.targets.Push, "push", "//services:push", "push target; empty for none")
	flag.StringVar(&p.targets.Suite, "suite", "//test/e2e:gateway", "suite; empty for none")
	flag.Func("ways", "to the cache, with commas between them (default "+strings.Join(ways(), ",")+")", p.choose)
	filled := flag.String("filled", "", "remote caches that have everything, with commas between them, instead of own ones")
	flag.Parse()
	for i, endpoint := range strings.FieldsFunc(*filled, func(r rune) bool { return r == ',' }) {
		name := fmt.Sprintf("cache %d", i+1) // an address may hold a password
		p.filled = append(p.filled, route{name, nil, []string{"BAZEL_REMOTE_CACHE=" + endpoint}})
	}
	if err := p.run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "remotecache: error: %v\n", err)
		os.Exit(1)
	}
}

type proof struct {
	here, cache string // the checkout, the project's cache folder or ""
	targets     second.Targets
	ways        []string // nil is all
	filled      []route  // without own caches; empty for own ones
	dir         string   // of this run
	disk        string   // cache
	remote      *bazelremote.Server
}

// route is a way from Bazel to its cache.
type route struct {
	name    string
	rc, env []string
}

func (p *proof) run(ctx context.Context) (err error) {
	if p.here == "" {
		return errors.New("BUILD_WORKSPACE_DIRECTORY is not set; start it by `tools/bazelw run //test/remotecache`")
	}
	// The launcher's Bazel sees the cache folder at its own path, and of others not every one.
	if p.dir, err = os.MkdirTemp(p.cache, "remotecache-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, checkout.Remove(p.dir)) }()
	if len(p.filled) > 0 {
		return p.compare(ctx, p.filled)
	}
	upstream, err := second.DiskCache(p.here)
	if err != nil {
		return err
	}
	p.disk = cmp.Or(upstream, filepath.Join(p.dir, "disk"))
	if p.remote, err = bazelremote.Start(bazelremote.Options{Dir: filepath.Join(p.dir, "remote"), Upstream: p.disk}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remote.Close()) }()
	if err := p.fill(ctx); err != nil {
		return err
	}
	return p.compare(ctx, slices.DeleteFunc([]route{
		{grpcWay, nil, []string{"BAZEL_REMOTE_CACHE=" + p.remote.GRPC}},
		{httpWay, nil, []string{"BAZEL_REMOTE_CACHE=" + p.remote.HTTP}},
		{diskWay, []string{"build:ci --disk_cache=" + p.disk}, nil},
	}, func(r route) bool { return p.ways != nil && !slices.Contains(p.ways, r.name) }))
}

// The ways to the cache.
const (
	grpcWay = "gRPC"
	httpWay = "HTTP"
	diskWay = "disk"
)

func ways() []string { return []string{grpcWay, httpWay, diskWay} }

// choose takes names of ways, with commas between them.
func (p *proof) choose(value string) error {
	p.ways = strings.Split(value, ",")
	for _, way := range p.ways {
		if !slices.Contains(ways(), way) {
			return fmt.Errorf("there is no way %q; there are %s", way, strings.Join(ways(), ", "))
		}
	}
	return nil
}

func (p *proof) fill(ctx context.Context) error {
	start := time.Now()
	if err := p.targets.Fill(ctx, p.here, p.dir, p.remote.GRPC, p.disk, os.Stderr); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "remotecache: filled the caches in %.0f s\n", time.Since(start).Seconds())
	return nil
}

func (p *proof) compare(ctx context.Context, routes []route) error {
	var errs []error
	var rows []string
	for _, r := range routes {
		steps, err := p.targets.Run(ctx, p.here, p.dir, second.Run{
			RC: r.rc, Env: r.env, Suite: []string{"--fresh", "--keep=false"}, Stderr: os.Stderr,
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			rows = append(rows, row(r.name, steps.Last(), steps.Push.Took+steps.Suite.Took))
			err = check(steps.Last())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	fmt.Printf("| cache | time | layers on disk | new, beyond external | bazel-out | external | action cache | server | other |\n"+
		"|---|---|---|---|---|---|---|---|---|\n%s", strings.Join(rows, ""))
	return errors.Join(errs...)
}

func row(name string, u second.Usage, took time.Duration) string {
	cells := []string{name, fmt.Sprintf("%.0f s", took.Seconds()), progress.Bytes(u.LayerBytes()), progress.Bytes(u.BeyondExternal())}
	for _, part := range []string{second.Outputs, second.External, second.Actions, second.Server, second.Other} {
		cells = append(cells, progress.Bytes(u.Parts[part]))
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// check says what must be true of a run whose layers are in a cache.
func check(u second.Usage) error {
	var errs []error
	if u.Known == 0 {
		errs = append(errs, errors.New("the output base has no image descriptor, so no layer could be recognised"))
	}
	for _, l := range u.Layers {
		errs = append(errs, fmt.Errorf("%s is a layer of %s", l.Path, progress.Bytes(l.Bytes)))
	}
	if n := u.BeyondExternal(); n > limit {
		errs = append(errs, fmt.Errorf("%s are new on the disk beyond other modules' files, at most %s may be", progress.Bytes(n), progress.Bytes(limit)))
	}
	return errors.Join(errs...)
}
