// Command pipeline runs .github/workflows on this machine: ci-pipeline.yml for a push to main, for a pull request of this repository
// and for one of a fork, release.yml for a version of what main's push was of, cleanup.yml when the pull request is closed.
//
//	tools/bazelw run //test/pipeline
//
// Each `run:` of the files is run as it stands, with the conditions, matrices, outputs and variables that GitHub would make;
// what GitHub gives is here: a registry with ghcr.io's habits, tokens that may do what the job's permissions say, a
// bazel-remote, folders for artifacts. Suites run in kind. The checkout under test is the work tree as it is, and the event is a
// commit on top of it that changes one message of the gateway, another one each time.
//
// It prints a table of what each job took and moved, and exits 1 unless: main pushes all images with main-<12 digits>, the pull
// request with pr-<number>, the fork nothing; the fork's jobs have no secret in their environment; pull requests upload nothing to
// the cache; each suite's own ledger says that its images came from the registry, and a fork's that they went into kind, that tests
// passed, and is in the summary; and the gate passes each time. A version must be the very indexes that main has pushed, with the
// images that its suites ran, signed, in another registry, without a byte sent to CI's. A closed pull request must lose the images
// that nothing else needs, and nothing else may change.
//
// To be done in minutes, it leaves things out, and says which: of the suites that the change concerns it runs those of --suites,
// of all tests those of --tests, of the other tests with a cluster those of --cluster. The bazel-remote has what Bazel's disk cache
// has of former builds, as main's would. Bazel's outputs and the cache stay in the
// cache folder for the next run. The disk's peak is what all programs of the machine take together.
package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/test/cosign"
	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/test/remotecache/second"
	"github.com/kubernaut/kubernaut/tools/checkout"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.SetOutput(io.Discard) // bazel-remote tells what it loads
	p := pipeline{here: os.Getenv("BUILD_WORKSPACE_DIRECTORY"), dir: folder(os.Getenv)}
	flag.Func("suites", "of the affected suites, which to run, with commas between them; all for all of them (default gateway)", p.limits.setSuites)
	flag.StringVar(&p.limits.tests, "tests", "//services/gateway/... //tools/ci/... //tools/slipway/plan/...", "what the test job tests instead of //...")
	flag.StringVar(&p.limits.cluster, "cluster", "//test/e2e/faults/...", "what the cluster job tests instead of all that the file names")
	events := flag.String("events", "push,release,pull,close,fork", "which events, in this order, with commas between them; release needs push before it, close needs pull")
	flag.Parse()
	if err := p.run(ctx, strings.Split(*events, ",")); err != nil {
		fmt.Fprintf(os.Stderr, "pipeline: error: %v\n", err)
		os.Exit(1)
	}
}

// folder is below the cache folder, which the launcher's Bazel sees at its own path.
func folder(getenv func(string) string) string {
	if cache := getenv("KUBERNAUT_CACHE"); cache != "" {
		return filepath.Join(cache, "pipeline")
	}
	return filepath.Join(cmp.Or(getenv("XDG_CACHE_HOME"), filepath.Join(getenv("HOME"), ".cache")), "kubernaut", "pipeline")
}

type pipeline struct {
	here, dir string // the checkout, the folder of everything
	limits    limits
	origin    origin
	remote    *bazelremote.Server
	registry  *ghcr.Server // CI's
	releases  *ghcr.Server
	key       []byte // that releases are signed with
	main      string // commit that was pushed to main
}

func (p *pipeline) run(ctx context.Context, events []string) (err error) {
	if p.here == "" {
		return errors.New("BUILD_WORKSPACE_DIRECTORY is not set; start it by `tools/bazelw run //test/pipeline`")
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	var errs []error
	for _, name := range events {
		r, err := p.event(ctx, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		write(os.Stdout, r, p.limits)
	}
	return errors.Join(errs...)
}

// prepare starts what GitHub would be.
func (p *pipeline) prepare(ctx context.Context) (err error) {
	for _, left := range []string{"origin", "runner"} {
		if err := checkout.Remove(filepath.Join(p.dir, left)); err != nil {
			return err
		}
	}
	if p.origin, err = newOrigin(ctx, p.here, filepath.Join(p.dir, "origin")); err != nil {
		return err
	}
	disk, err := second.DiskCache(p.here)
	if err != nil {
		return err
	}
	if p.remote, err = bazelremote.Start(bazelremote.Options{Dir: filepath.Join(p.dir, "remote"), Upstream: disk}); err != nil {
		return err
	}
	// A tag is seen at once: a lag is counted in reads, and a suite's job is the first to read what has been there for minutes.
	p.registry, err = ghcr.New(ghcr.Options{
		Accounts: []ghcr.Account{ghcr.Workflow(repository, writeToken), ghcr.Fork(repository, readToken)},
	})
	if err != nil {
		return err
	}
	p.releases, err = ghcr.New(ghcr.Options{
		Accounts: []ghcr.Account{ghcr.Personal(robot, robotToken, []string{"write:packages"}, owner)}, Referrers: true,
	})
	if err != nil {
		return err
	}
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	p.key, err = cosign.Encode(signing, keyPassword)
	return err
}

// end leaves Bazel's outputs and the cache for the next run.
func (p *pipeline) end(ctx context.Context) error {
	return errors.Join(p.shutdown(context.WithoutCancel(ctx)), p.remote.Close(), p.registry.Close(), p.releases.Close(),
		checkout.Remove(filepath.Join(p.dir, "origin")), checkout.Remove(filepath.Join(p.dir, "runner")))
}
