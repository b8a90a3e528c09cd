// Command property compares what tools/ci calls affected with the truth.
//
//	tools/bazelw run //tools/ci/affected/property
//
// In a workspace of a few services and suites, which it makes, it applies random edits of 30 kinds: source files, data, manifests,
// rules, macros, modules, options; new, deleted, renamed. After each it runs all tests there and hashes what each test's process
// got, from Bazel's execution log; a test whose hash differs must have been called affected. Then it edits single files of a
// copy of this checkout, for which it says which suites are to be affected, and compares these.
//
// Tests that are called affected and are not are counted; for the kinds where the answer has to be exact they are faults too. It
// prints a table to stdout and exits 1 when there is a fault. --seed repeats a run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/checkout"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var p proof
	p.here, p.cache = os.Getenv("BUILD_WORKSPACE_DIRECTORY"), os.Getenv("KUBERNAUT_CACHE")
	flag.IntVar(&p.edits, "edits", 60, "random edits of the small workspace")
	flag.Uint64Var(&p.seed, "seed", 1, "of the edits")
	flag.StringVar(&p.part, "part", "", "fixture or repository; empty for both")
	flag.Parse()
	if err := p.run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "property: error: %v\n", err)
		os.Exit(1)
	}
}

type proof struct {
	here, cache string // the checkout, the project's cache folder or ""
	edits       int
	seed        uint64
	part        string
}

func (p proof) run(ctx context.Context) (err error) {
	if p.here == "" {
		return errors.New("BUILD_WORKSPACE_DIRECTORY is not set; start it by `tools/bazelw run //tools/ci/affected/property`")
	}
	// The launcher's Bazel sees the cache folder at its own path, and of others not every one.
	dir, err := os.MkdirTemp(p.cache, "affected-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, checkout.Remove(dir)) }()
	start := time.Now()
	if p.part != "repository" {
		f := newFixture(dir, p.seed)
		err = errors.Join(f.run(ctx, p.here, p.edits), shutdown(ctx, f.workspace))
		fmt.Printf("%s\n%d edits with seed %d in %.0f s\n\n", f.table(), p.edits, p.seed, time.Since(start).Seconds())
	}
	if p.part != "fixture" && ctx.Err() == nil {
		start = time.Now()
		r := newRepository(dir)
		err = errors.Join(err, r.run(ctx, p.here))
		fmt.Printf("%s\nthis checkout in %.0f s\n", r.table(), time.Since(start).Seconds())
	}
	return err
}

// shutdown ends the server of the workspace's own output base. It works after ctx has ended.
func shutdown(ctx context.Context, w *workspace) error {
	if _, err := os.Stat(w.output); err != nil {
		return nil
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(w.dir, "tools", "bazelw"), "--output_base="+w.output, "shutdown")
	cmd.Dir = w.dir
	return cmd.Run()
}
