package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// separator begins every document of a YAML stream.
const separator = "---\n"

// deepcopyFile is the name that controller-gen gives to deep copies.
const deepcopyFile = "zz_generated.deepcopy.go"

// generation is one run of controller-gen. Paths may be relative to the working directory.
type generation struct {
	controllerGen, goroot, goos, goarch string
	sources, pkg                        string
	dangerousTypes                      bool
	definitions, deepcopy               string
}

func (g *generation) run(stderr io.Writer) (err error) {
	work, err := os.MkdirTemp("", "crd-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := unpack(g.sources, filepath.Join(work, "gopath")); err != nil {
		return err
	}
	cmd, err := g.command(work)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = stderr, stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running controller-gen on %s: %w", g.pkg, err)
	}
	return g.collect(work)
}

// command is controller-gen with everything that it and the `go list` below it read, in folders of work.
func (g *generation) command(work string) (*exec.Cmd, error) {
	program, err := filepath.Abs(g.controllerGen)
	if err != nil {
		return nil, err
	}
	goroot, err := filepath.Abs(g.goroot)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program,
		"object",
		// Nobody has a use for the tool's version in a definition, and every update would change all of them.
		fmt.Sprintf("crd:allowDangerousTypes=%t,omitToolVersion=true", g.dangerousTypes),
		"paths="+g.pkg,
		"output:object:dir="+filepath.Join(work, "object"),
		"output:crd:dir="+filepath.Join(work, "crd"),
	)
	cmd.Dir = filepath.Join(work, "gopath", "src")
	cmd.Env = []string{
		"CGO_ENABLED=0",
		"GO111MODULE=off",
		"GOARCH=" + g.goarch,
		"GOCACHE=" + filepath.Join(work, "cache"),
		"GOENV=off",
		"GOOS=" + g.goos,
		"GOPATH=" + filepath.Join(work, "gopath"),
		"GOPROXY=off",
		"GOROOT=" + goroot,
		"GOTOOLCHAIN=local",
		"HOME=" + work,
		"PATH=" + filepath.Join(goroot, "bin"),
	}
	return cmd, nil
}

// collect writes the outputs from what controller-gen left in work.
func (g *generation) collect(work string) error {
	definitions, err := join(filepath.Join(work, "crd"))
	if err != nil {
		return fmt.Errorf("collecting the definitions of %s: %w", g.pkg, err)
	}
	deepcopy, err := os.ReadFile(filepath.Join(work, "object", deepcopyFile))
	if err != nil {
		return fmt.Errorf("collecting the deep copies of %s: %w", g.pkg, err)
	}
	return errors.Join(
		os.WriteFile(g.definitions, definitions, 0o644),
		os.WriteFile(g.deepcopy, deepcopy, 0o644),
	)
}

// unpack writes the files of a zip archive below dir.
func unpack(archive, dir string) (err error) {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("opening archive %q: %w", archive, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if err := os.CopyFS(dir, reader); err != nil {
		return fmt.Errorf("unpacking archive %q: %w", archive, err)
	}
	return nil
}

// join returns the documents of dir's files as one stream, sorted by file name, which is <group>_<plural>.yaml. A folder
// that is missing or empty is an error: a package without kinds has no place in the build.
func join(dir string) ([]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("no file in %q", dir)
	}
	var stream bytes.Buffer
	for _, entry := range entries {
		document, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		stream.WriteString(separator)
		stream.Write(bytes.TrimPrefix(document, []byte(separator)))
	}
	return stream.Bytes(), nil
}
