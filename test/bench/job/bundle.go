package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/remotecache/second"
	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// archive is the bundle of all suites among the runfiles.
const archive = "_main/test/e2e/all.bundle.tar.gz"

// unpacking is the phase in which the job gets and unpacks the archive.
const unpacking = "download and unpack"

// Bundle is the job without Bazel.
func Bundle() measure.Suite {
	s := suite(bundled, disk.Statfs)
	s.Name, s.Title = "job-bundle", "The disk of a CI job that has a bundle"
	s.About = "The job gets the bundle of all suites, unpacks it, deletes the archive, and runs the suites in a new kind cluster; layers come from the " +
		"cache. No Bazel, no checkout. Columns are as in the other job's table."
	s.Cases = []string{unpacking, suites, whole}
	s.Columns = []measure.Column{most, end, inNodes, inStorage}
	s.Targets = []measure.Target{
		measure.AtMost(whole, bundled, most, 800_000_000).Because(newCluster +
			"The images take 0.44 GB, the bundle 0.16 GB, and what pods and the control plane write 0.09 GB. It would take smaller images, " +
			"whose size is that of their libraries: of the 47 MB of signalprocessing's program, 0.2 MB are this repository's."),
		measure.AtMost(suites, bundled, inNodes, 400_000_000).Because(besideServices),
	}
	return s
}

// unpack copies the archive first, as a download would, so that it counts while it is there.
func (j *job) unpack(ctx context.Context) error {
	from, err := j.bench.host.File(archive)
	if err != nil {
		return err
	}
	here := filepath.Join(j.bench.host.Dir, filepath.Base(archive))
	for _, argv := range [][]string{{"cp", from, here}, {"tar", "-xf", here, "-C", j.bench.host.Dir}} {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = j.log, j.log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("unpacking the bundle by %s: %w; see %s", argv[0], err, j.log.Name())
		}
	}
	return os.Remove(here)
}

// runBundle runs all suites with the environment of a shell that has never seen Bazel.
func (j *job) runBundle(ctx context.Context) error {
	cache, err := second.DiskCache(j.bench.workspace)
	if err == nil && cache == "" {
		err = errors.New("no rc file names a --disk_cache, which the job's layers would come from")
	}
	if err != nil {
		return err
	}
	program := filepath.Join(j.bench.host.Dir, "all.bundle", "run")
	run := exec.CommandContext(ctx, program, "--disk-cache="+cache, "--fresh", "--keep=false", "--report="+j.report())
	run.Dir, run.Stdout, run.Stderr = j.bench.host.Dir, j.log, j.log
	run.Env = append(second.Environment(), "CI=1", "SLIPWAY_ENGINE_HOOK="+os.Getenv("SLIPWAY_ENGINE_HOOK"))
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	if err := run.Run(); err != nil {
		return fmt.Errorf("running all.bundle: %w; see %s", errors.Join(err, ctx.Err()), j.log.Name())
	}
	return nil
}
