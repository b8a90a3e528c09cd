// Package node builds the image of a kind node from Debian packages and Go
// modules, for a machine that reaches no container registry.
//
// The image is a Debian root with systemd and containerd, kind's own base files
// from its Go module, the Kubernetes programs as one binary, and the control
// plane's images in containerd's store, under the names that kubeadm expects. It
// is assembled without a container engine: mmdebstrap unpacks the root, containerd
// runs inside it, in namespaces of its own and without a network, only to import
// the images, and [writeArchive] makes a docker-archive of the result.
//
// The image's tag is a hash of all its inputs. Every step leaves its result under
// that hash, written aside and renamed, so that an interrupted build goes on where
// it was; when the archive is there the intermediate results are deleted. Debian's
// packages are those of the mirror at that time: the tag names the recipe, the
// digest the result.
//
// Non-goals: other architectures than the machine's, IPv6 clusters, ipvs.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
	"github.com/kubernaut/kubernaut/tools/offline/engine/lock"
)

// Builder makes the node image of one checkout. Methods of several processes on
// the same folder may run at once: a file lock orders them.
type Builder struct {
	// Dir holds the archive and, while it is built, everything else.
	Dir string
	// Sources is this package's folder in the checkout.
	Sources string
	// MMDebstrap is the path of mmdebstrap's script; its folder is searched for
	// the script's helpers.
	MMDebstrap string
	// Log receives one line per thing done; nil drops them.
	Log func(format string, args ...any)
}

// current is the content of current.json: the image that Ensure returned last.
type current struct {
	Reference string `json:"reference"`
	Digest    string `json:"digest"`
}

// Prepare makes the image archive unless it is there or an engine that answers has
// the image. It needs no engine; 1 minute with a warm Go build cache, 10 without.
func (b *Builder) Prepare(ctx context.Context) error {
	key, err := b.key()
	if err != nil {
		return err
	}
	release, err := lock.Acquire(ctx, b.Dir)
	if err != nil {
		return err
	}
	defer release()
	if err := b.prune(key); err != nil {
		return err
	}
	if loaded(ctx, tag(key)) != "" {
		return nil
	}
	return b.build(ctx, key)
}

// Ensure returns the image's reference and its ID in the engine, after building
// and loading what is missing. With everything there it costs about 20 ms. An image
// that the engine has under the reference is taken, whoever loaded it: clusters may
// be using it, and another build of the same recipe has another ID.
func (b *Builder) Ensure(ctx context.Context) (reference, digest string, err error) {
	key, err := b.key()
	if err != nil {
		return "", "", err
	}
	want := current{Reference: tag(key), Digest: loaded(ctx, tag(key))}
	if have, err := b.current(); err == nil && want.Digest != "" && have == want {
		return want.Reference, want.Digest, nil
	}
	release, err := lock.Acquire(ctx, b.Dir)
	if err != nil {
		return "", "", err
	}
	defer release()
	if err := b.prune(key); err != nil {
		return "", "", err
	}
	if want.Digest, err = b.load(ctx, key); err != nil {
		return "", "", err
	}
	return want.Reference, want.Digest, b.record(want)
}

func tag(key string) string { return Repository + ":" + kubernetesVersion + "-" + key }

// load brings the image into the engine unless it is there, and drops its former
// versions.
func (b *Builder) load(ctx context.Context, key string) (string, error) {
	reference := tag(key)
	if digest := loaded(ctx, reference); digest != "" {
		return digest, nil
	}
	if err := b.build(ctx, key); err != nil {
		return "", err
	}
	b.logf("loading the node image %s", reference)
	defer b.timed("node image loaded")()
	if err := loadArchive(ctx, b.archive(key)); err != nil {
		return "", fmt.Errorf("loading the node image: %w", err)
	}
	digest := loaded(ctx, reference)
	if digest == "" {
		return "", fmt.Errorf("loading the node image: the engine has no image %q afterwards", reference)
	}
	b.removeOthers(ctx, reference)
	return digest, nil
}

// loaded is the engine's ID of an image, "" when it has none or does not answer.
func loaded(ctx context.Context, reference string) string {
	out, err := command.Output(ctx, "docker", "image", "inspect", "--format", "{{.Id}}", reference)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

// removeOthers deletes node images of other recipes. One that a cluster still
// uses stays: the engine refuses.
func (b *Builder) removeOthers(ctx context.Context, reference string) {
	out, err := command.Output(ctx, "docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", Repository)
	if err != nil {
		return
	}
	for _, other := range strings.Fields(out) {
		if other == reference {
			continue
		}
		if _, err := command.Output(ctx, "docker", "image", "rm", other); err == nil {
			b.logf("removed the former node image %s", other)
		}
	}
}

// prune deletes archives and work folders of other recipes.
func (b *Builder) prune(key string) error {
	var errs []error
	for _, pattern := range []string{"image-*", "work-*"} {
		paths, err := filepath.Glob(filepath.Join(b.Dir, pattern))
		errs = append(errs, err)
		for _, path := range paths {
			if path != b.archive(key) && path != b.work(key) {
				errs = append(errs, os.RemoveAll(path))
			}
		}
	}
	return errors.Join(errs...)
}

func (b *Builder) current() (current, error) {
	var have current
	data, err := os.ReadFile(filepath.Join(b.Dir, "current.json"))
	if err != nil {
		return have, err
	}
	return have, json.Unmarshal(data, &have)
}

func (b *Builder) record(have current) error {
	data, err := json.Marshal(have)
	if err != nil {
		return err
	}
	path := filepath.Join(b.Dir, "current.json")
	if err := os.WriteFile(path+".part", append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("recording the node image: %w", err)
	}
	return os.Rename(path+".part", path)
}

func (b *Builder) archive(key string) string { return filepath.Join(b.Dir, "image-"+key+".tar.gz") }

func (b *Builder) work(key string) string { return filepath.Join(b.Dir, "work-"+key) }

func (b *Builder) logf(format string, args ...any) {
	if b.Log != nil {
		b.Log(format, args...)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
