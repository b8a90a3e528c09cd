// Package build measures what it costs to make an oci_image again after its binary changed, against the one thing that
// cannot be saved: to hash the new layer once.
//
// The programs of this project's stand-in for rules_oci are started as Bazel's actions start them, on a binary of the size of
// the largest service's: one writes the layer from the binary, one describes the layer (the hashes), one writes the image.
// They are compiled by the machine's Go, because no target names them where the real rules_oci is used. The actions that Bazel
// itself starts, sandbox and all, are taken from Bazel's profile; they are those of whichever rules_oci the workspace
// resolves, and the report names it.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubernaut/kubernaut/test/bench/measure"
	"github.com/kubernaut/kubernaut/test/bench/synthetic"
)

// Competitors.
const (
	programs = "the stand-in's programs"
	hash     = "the hashes alone"
	actions  = "actions in Bazel"
)

// Cases.
const (
	plain      = "uncompressed layer to image"
	compressed = "compressed layer to image"
	binary     = "binary to image"
)

// size of the binary in bytes: the largest service's, rounded.
const size = 47_000_000

// written are the bytes of new files; a link to a layer costs none.
var written = measure.Column{Name: "bytes written", Unit: measure.Bytes}

// Suite returns the comparison.
func Suite() measure.Suite {
	return measure.Suite{
		Name: "build", Title: "Building an image after its binary changed",
		About: "A binary of 47 MB that was never seen before becomes an image on the common base. *Layer to image* is what `oci_image` " +
			"does: describe the layer, then write manifest, configuration and index. A compressed layer, which the services' are, needs two " +
			"digests: of its own bytes and of the archive inside. *Binary to image* has the writing of the compressed layer before it.\n\n" +
			"The stand-in's programs run alone, as Bazel's actions start them. The hashes alone are Go's `crypto/sha256`, in the measuring " +
			"process: over the archive, and for a compressed layer over its file too; nothing is decompressed for them. The actions in " +
			"Bazel are the durations that Bazel's profile has for them, with whatever rules_oci the workspace resolves (see the facts " +
			"below). rules_oci 2.3.2 took 0.24 to 0.34 s for an uncompressed layer on a machine where the hash took 0.13 s.",
		Competitors: []string{programs, hash, actions},
		Cases:       []string{plain, compressed, binary},
		Columns:     []measure.Column{written},
		Targets: []measure.Target{
			within(plain, programs, hash, 1.3),
			within(compressed, programs, hash, 1.3).Because("the archive's digest is of its decompressed bytes, and to decompress them " +
				"takes longer than to hash them. The program that compresses knows the digest; rules_oci's `tars` take files alone, so " +
				"there is no way to hand it on."),
		},
		Open: open,
	}
}

// within wants the competitor to take at most so many times as long as the other.
func within(name, competitor, other string, times float64) measure.Target {
	return measure.Target{
		Text: fmt.Sprintf("%s: %s take at most %g× as long as %s", name, competitor, times, other),
		Judge: func(r *measure.Result) (string, bool) {
			ratio := r.Ratio(name, competitor, other)
			if ratio.N == 0 {
				return "not measured", false
			}
			return fmt.Sprintf("%.2f× (%.2f–%.2f)", ratio.Median, ratio.Min, ratio.Max), ratio.Median <= times
		},
	}
}

type bench struct {
	dir      string
	programs toolset
	bazel    *bazel // nil where it cannot be measured
}

func open(ctx context.Context, host *measure.Host) (measure.Bench, error) {
	workspace := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if workspace == "" {
		return nil, fmt.Errorf("no workspace to build in; start it by `tools/bazelw run //test/bench`")
	}
	layer, err := host.File("_main/tools/oci/layer/layer_/layer")
	if err != nil {
		return nil, err
	}
	t := toolset{layer: layer, image: filepath.Join(host.Dir, "oci_build")}
	if err := t.compile(ctx, filepath.Join(workspace, standIn)); err != nil {
		return nil, err
	}
	b, err := prepare(ctx, host.Dir, t)
	if err != nil {
		return nil, err
	}
	b.bazel = &bazel{workspace: workspace, dir: host.Dir}
	name, err := b.bazel.implementation(ctx)
	if err != nil {
		return nil, err
	}
	host.Fact("rules_oci of the actions in Bazel", name)
	return b, nil
}

// prepare makes the base image.
func prepare(ctx context.Context, dir string, t toolset) (*bench, error) {
	b := &bench{dir: dir, programs: t}
	if err := writeService(filepath.Join(dir, "base.bin"), 0, 1_000_000); err != nil {
		return nil, err
	}
	if err := t.writeLayer(ctx, filepath.Join(dir, "base.bin"), filepath.Join(dir, "base.tar.zst")); err != nil {
		return nil, err
	}
	return b, t.build(ctx, spec{
		Label: "//bench:base", Output: filepath.Join(dir, "base"), Platform: &platform{OS: "linux", Architecture: "amd64"},
	}, filepath.Join(dir, "base.tar.zst"))
}

func (b *bench) Close(context.Context) error { return nil }

func (b *bench) Round(ctx context.Context, competitor string, r *measure.Round) error {
	if competitor == actions {
		return b.bazel.round(ctx, r)
	}
	dir, err := os.MkdirTemp(b.dir, "round-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f := files{service: filepath.Join(dir, "service.tar"), layer: filepath.Join(dir, "layer.tar.zst"), image: filepath.Join(dir, "image")}
	if err := writeService(f.service, uint64(r.Number), size); err != nil {
		return err
	}
	if competitor == hash {
		return b.hashed(ctx, f, r)
	}
	return b.built(ctx, f, r)
}

// files of a round. The service is an archive, so that it serves as an uncompressed layer too.
type files struct{ service, layer, image string }

func (b *bench) hashed(ctx context.Context, f files, r *measure.Round) error {
	if err := b.programs.writeLayer(ctx, f.service, f.layer); err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		files []string
	}{{plain, []string{f.service}}, {compressed, []string{f.service, f.layer}}, {binary, []string{f.service, f.layer}}} {
		if _, err := r.Time(c.name, func() error { return hashFiles(c.files) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) built(ctx context.Context, f files, r *measure.Round) error {
	s := spec{Label: "//bench:image", Output: f.image, Base: filepath.Join(b.dir, "base")}
	for _, c := range []struct {
		name  string
		layer string
		do    func() error
	}{
		{plain, f.service, func() error { return b.programs.build(ctx, s, f.service) }},
		{binary, f.layer, func() error {
			if err := b.programs.writeLayer(ctx, f.service, f.layer); err != nil {
				return err
			}
			return b.programs.build(ctx, s, f.layer)
		}},
		{compressed, f.layer, func() error { return b.programs.build(ctx, s, f.layer) }},
	} {
		sample, err := r.Time(c.name, c.do)
		if err != nil {
			return err
		}
		if err := check(f.image, c.layer); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		n, err := bytesBelow(f.image)
		if err != nil {
			return err
		}
		if c.name == binary {
			n += sizeOf(f.layer)
		}
		sample.Count(written.Name, n)
		if err := os.RemoveAll(f.image); err != nil {
			return err
		}
	}
	return nil
}

// check holds that the image has the layer under the digest of its bytes.
func check(image, layer string) error {
	digest, err := hashFile(layer)
	if err != nil {
		return err
	}
	got, err := os.Stat(filepath.Join(image, "blobs", "sha256", digest))
	if err != nil {
		return err
	}
	if want := sizeOf(layer); got.Size() != want {
		return fmt.Errorf("the image's layer has %d bytes instead of %d", got.Size(), want)
	}
	return nil
}

// sizeOf is 0 for a file that is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func hashFiles(paths []string) error {
	for _, path := range paths {
		if _, err := hashFile(path); err != nil {
			return err
		}
	}
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{f}, make([]byte, 1<<20))
	return hex.EncodeToString(sum.Sum(nil)), err
}

// bytesBelow adds up regular files: a link to a layer costs nothing.
func bytesBelow(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// writeService writes bytes that compress as a Go binary does.
func writeService(path string, seed uint64, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	content := synthetic.Layer{Seed: seed, Size: size}.Open()
	_, err = io.Copy(f, content)
	return errors.Join(err, content.Close(), f.Close())
}
