// Package remotecache measures what `bazel run` puts on the disk of a clean checkout whose outputs are all in a remote cache:
// with the two usual ways to download outputs and layers in runfiles, and with --config=ci, where layers go from the cache
// to their destination.
package remotecache

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/kubernaut/kubernaut/test/bazelremote"
	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/remotecache/second"
)

const (
	ours     = "slipway, from the cache"
	toplevel = "toplevel, layers in runfiles"
	all      = "all, layers in runfiles"

	push  = "push"
	suite = "suite"
)

// Columns of counts.
var (
	layerColumn  = measure.Column{Name: "layer bytes on disk", Unit: measure.Bytes}
	newColumn    = measure.Column{Name: "new bytes", Unit: measure.Bytes}
	beyondColumn = measure.Column{Name: "of them beyond external", Unit: measure.Bytes}
	outputColumn = measure.Column{Name: "bazel-out", Unit: measure.Bytes}
)

// limit is what a run may put on the disk, in bytes.
const limit = 120_000_000

// flags are how each competitor runs Bazel, after --config=ci.
var flags = map[string][]string{
	ours:     nil,
	toplevel: {"--//tools/oci:layers=runfiles", "--remote_download_outputs=toplevel"},
	all:      {"--//tools/oci:layers=runfiles", "--remote_download_outputs=all"},
}

// Suite is the comparison.
func Suite() measure.Suite {
	return measure.Suite{
		Name: "remotecache", Title: "Images from a remote cache, in a clean checkout", About: about,
		Competitors: []string{ours, toplevel, all},
		Cases:       []string{push, suite},
		Columns:     []measure.Column{layerColumn, newColumn, beyondColumn, outputColumn},
		Targets: []measure.Target{
			measure.AtMost(push, ours, layerColumn, 0),
			measure.AtMost(suite, ours, layerColumn, 0),
			measure.AtMost(suite, ours, newColumn, limit).Because("Other modules' files, 0.2 GB, are part of it: Bazel unpacks them to " +
				"analyse them, whatever a cache has. It would take fewer modules, or the bundle, which needs no checkout."),
			measure.AtMost(suite, ours, beyondColumn, limit),
		},
		Open: open,
	}
}

const about = `A bazel-remote on loopback, asked by gRPC, has everything. Each turn is a copy of the checkout in
another folder with an empty output base and no disk cache. It runs ` + "`//services:push`" + ` to a registry that is empty, then
` + "`//test/e2e:gateway`" + ` on a cluster that is there already. The push's time has the start of Bazel's server and the fetch of other
modules in it, the suite's has its tests.

Bytes are those of all files in the output base afterwards; the suite's include the push's. *Layer bytes* are of files whose SHA-256
is that of an image's layer. *External* are other modules' files. The Go module cache, which all checkouts share, and the engine's
storage are not counted.`

type bench struct {
	workspace, dir string
	remote         *bazelremote.Server
	targets        second.Targets
}

func open(ctx context.Context, host *measure.Host) (_ measure.Bench, err error) {
	b := &bench{
		workspace: os.Getenv("BUILD_WORKSPACE_DIRECTORY"), dir: host.Dir,
		targets: second.Targets{Push: "//services:push", Suite: "//test/e2e:gateway"},
	}
	if b.workspace == "" {
		return nil, errors.New("the workspace is not known; start it by `tools/bazelw run //test/bench -- --suite=remotecache`")
	}
	log.SetOutput(io.Discard) // bazel-remote tells what it loads
	disk, err := second.DiskCache(b.workspace)
	if err != nil {
		return nil, err
	}
	disk = cmp.Or(disk, filepath.Join(b.dir, "disk"))
	if b.remote, err = bazelremote.Start(bazelremote.Options{Dir: filepath.Join(b.dir, "remote"), Upstream: disk}); err != nil {
		return nil, err
	}
	host.Log("building what the disk cache lacks; the remote cache has the rest from there")
	if err := b.targets.Fill(ctx, b.workspace, b.dir, b.remote.GRPC, disk, os.Stderr); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

func (b *bench) Close(context.Context) error { return b.remote.Close() }

func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
	steps, err := b.targets.Run(ctx, b.workspace, b.dir, second.Run{
		Env: []string{"BAZEL_REMOTE_CACHE=" + b.remote.GRPC}, Flags: flags[competitor], Stderr: os.Stderr,
	})
	if err != nil {
		return err
	}
	for name, step := range map[string]second.Step{push: steps.Push, suite: steps.Suite} {
		if step.Usage.Known == 0 {
			return errors.New("the output base has no image descriptor, so no layer could be recognised")
		}
		sample := r.Add(name, step.Took)
		sample.Count(layerColumn.Name, step.Usage.LayerBytes())
		sample.Count(newColumn.Name, step.Usage.Total())
		sample.Count(beyondColumn.Name, step.Usage.BeyondExternal())
		sample.Count(outputColumn.Name, step.Usage.Parts[second.Outputs])
	}
	return nil
}
