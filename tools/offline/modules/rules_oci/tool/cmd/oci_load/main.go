// The oci_load program streams an image into a container engine: it runs `ENGINE load --input PIPE` and writes the
// archive into the pipe. It is started through an oci_load target, whose JSON file beside the executable says what to
// load. Nothing is written to disk.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/archive"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/runfiles"
)

// spec is what the oci_load rule wrote; paths are runfiles paths.
type spec struct {
	Label    string `json:"label"`
	Image    string `json:"image"`
	Format   string `json:"format"`
	Loader   string `json:"loader"` // empty: an engine on PATH
	RepoTags string `json:"repo_tags"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[0]); err != nil {
		fmt.Fprintln(os.Stderr, "oci_load: error:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, argv0 string) error {
	var s spec
	if err := runfiles.Spec(argv0, &s); err != nil {
		return err
	}
	files, err := runfiles.Open(argv0, os.Getenv)
	if err != nil {
		return err
	}
	tags, err := os.ReadFile(files.Path(s.RepoTags))
	if err != nil {
		return fmt.Errorf("loading %s: reading repo_tags: %w", s.Label, err)
	}
	engine, err := find(files.Path(s.Loader))
	if err != nil {
		return fmt.Errorf("loading %s: %w", s.Label, err)
	}
	image := layout.Dir(files.Path(s.Image))
	if err := load(ctx, engine, image, s.Format, strings.Fields(string(tags))); err != nil {
		return fmt.Errorf("loading %s with %s: %w", s.Label, engine, err)
	}
	return nil
}

// find returns the engine's client: the given one, or the first on PATH.
func find(loader string) (string, error) {
	if loader != "" {
		return loader, nil
	}
	for _, name := range []string{"docker", "podman", "nerdctl"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("docker, podman and nerdctl are not on PATH; set 'loader' to the engine's client instead")
}

func load(ctx context.Context, engine string, image layout.Dir, format string, tags []string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer write.Close()
	// The first extra file is descriptor 3 of the child.
	command := exec.CommandContext(ctx, engine, "load", "--input", "/dev/fd/3")
	command.ExtraFiles = []*os.File{read}
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err = command.Start()
	read.Close()
	if err != nil {
		return err
	}
	err = errors.Join(archive.Write(write, image, format, tags), write.Close())
	// The engine's own failure explains a broken pipe, so it comes first.
	return errors.Join(command.Wait(), err)
}
