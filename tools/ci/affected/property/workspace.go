package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed fixture.txtar
var fixture []byte

// workspace is a git checkout with Bazel's folder beside it.
type workspace struct {
	dir, output string
	log         io.Writer
}

// write makes the fixture, whose Bazel is that of the checkout here.
func (w *workspace) write(ctx context.Context, here string) error {
	archive := txtar.Parse(fixture)
	archive.Files = append(archive.Files, txtar.File{
		Name: "tools/bazelw", Data: []byte("#!/bin/sh\nexec '" + strings.ReplaceAll(filepath.Join(here, "tools", "bazelw"), "'", `'\''`) + "' \"$@\"\n"),
	})
	for _, f := range archive.Files {
		if err := w.put(f.Name, string(f.Data)); err != nil {
			return err
		}
	}
	return w.begin(ctx)
}

// begin makes the files that are there the first commit.
func (w *workspace) begin(ctx context.Context) error {
	if _, err := w.git(ctx, "init", "--quiet"); err != nil {
		return err
	}
	return w.commit(ctx, "files")
}

func (w *workspace) commit(ctx context.Context, message string) error {
	if _, err := w.git(ctx, "add", "--all"); err != nil {
		return err
	}
	_, err := w.git(ctx, "-c", "user.name=property", "-c", "user.email=property@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--allow-empty", "--no-verify", "-m", message)
	return err
}

func (w *workspace) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (w *workspace) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// put writes a file; those that are programs can be executed.
func (w *workspace) put(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	return os.WriteFile(w.path(name), []byte(text), mode)
}

func (w *workspace) get(name string) (string, error) {
	data, err := os.ReadFile(w.path(name))
	return string(data), err
}

// replace changes a text that must be there.
func (w *workspace) replace(name, old, new string) error {
	text, err := w.get(name)
	if err != nil {
		return err
	}
	if !strings.Contains(text, old) {
		return fmt.Errorf("%s has no %q", name, old)
	}
	return w.put(name, strings.Replace(text, old, new, 1))
}

// add puts a line at the file's end.
func (w *workspace) add(name, line string) error {
	text, err := w.get(name)
	if err != nil {
		return err
	}
	return w.put(name, text+line+"\n")
}

// glob returns the files of the pattern by name, in the order of names.
func (w *workspace) glob(pattern string) []string {
	paths, _ := filepath.Glob(w.path(pattern)) // the patterns are ours
	var names []string
	for _, path := range paths {
		name, _ := filepath.Rel(w.dir, path) // it is below
		names = append(names, filepath.ToSlash(name))
	}
	return names
}
