// Package registry makes a Bazel module registry of folders on this disk, for machines that do not reach the central one.
//
// Its modules are rules_go and gazelle as the Go module proxy serves them (pins/go.mod names the versions, pins/go.sum
// verifies them), Debian's rules_shell and bazel_features from the Bazel root, and the stand-ins in tools/offline/modules.
// Every version that some MODULE.bazel of the graph asks for gets an entry, and all entries of a module lead to the one
// folder that is here. Format: https://bazel.build/external/registry (index registry, source type local_path).
package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Config says what a registry is made from.
type Config struct {
	Cache     string // cache folder
	Offline   string // the checkout's tools/offline
	Root      string // the Bazel root
	Workspace string // the checkout; its MODULE.bazel's versions get entries
}

// Registry is a finished registry.
type Registry struct {
	Dir      string // address is file://Dir
	Features string // folder of the bazel_features module, for --override_module
}

// stamp marks a finished registry; its folder's name is the hash of what it was made from.
const stamp = "bazel_registry.json"

// Ensure makes the registry unless it is there.
func Ensure(ctx context.Context, c Config, log io.Writer) (Registry, error) {
	key, err := c.key()
	if err != nil {
		return Registry{}, fmt.Errorf("reading the module registry's inputs: %w", err)
	}
	base := filepath.Join(c.Cache, "registry", key)
	done := Registry{Dir: filepath.Join(base, "index"), Features: filepath.Join(base, "src", "bazel_features")}
	if _, err := os.Stat(filepath.Join(done.Dir, stamp)); err == nil {
		return done, nil
	}
	if err := os.RemoveAll(base); err != nil {
		return Registry{}, err
	}
	src := filepath.Join(base, "src")
	if err := c.sources(ctx, src, log); err != nil {
		return Registry{}, fmt.Errorf("collecting Bazel modules: %w", err)
	}
	return done, c.index(src, done.Dir)
}

// key hashes the inputs that are not fixed by their own names.
func (c Config) key() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "format 1", c.Root)
	for _, dir := range []string{filepath.Join(c.Offline, "modules"), filepath.Join(c.Offline, "registry")} {
		if err := HashTree(h, dir); err != nil {
			return "", err
		}
	}
	data, err := os.ReadFile(filepath.Join(c.Workspace, "MODULE.bazel"))
	if err != nil {
		return "", err
	}
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

// HashTree writes the names and bytes of dir's regular files to w, in a fixed order.
func HashTree(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s %d\n", rel, len(data))
		_, err = w.Write(data)
		return err
	})
}

func (c Config) sources(ctx context.Context, src string, log io.Writer) error {
	for _, m := range []struct{ path, name string }{
		{"github.com/bazelbuild/rules_go", "rules_go"},
		{"github.com/bazelbuild/bazel-gazelle", "gazelle"},
		{"github.com/bazel-contrib/bazel-gazelle/v2", "gazelle/v2"}, // a nested module: not in the zip of the outer one
	} {
		dir, err := download(ctx, filepath.Join(c.Offline, "registry", "pins"), m.path)
		if err != nil {
			return err
		}
		if err := copyTree(dir, filepath.Join(src, m.name)); err != nil {
			return err
		}
	}
	if err := gazelleSources(ctx, filepath.Join(src, "gazelle"), log); err != nil {
		return err
	}
	if err := features(filepath.Join(c.Root, "usr/share/bazel/tools/features"), filepath.Join(src, "bazel_features")); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(c.Root, "usr/share/bazel/rules/shell"), filepath.Join(src, "rules_shell")); err != nil {
		return err
	}
	return c.standIns(src)
}

func (c Config) standIns(src string) error {
	entries, err := os.ReadDir(filepath.Join(c.Offline, "modules"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := copyTree(filepath.Join(c.Offline, "modules", e.Name()), filepath.Join(src, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// download returns the module cache's folder of a module, verified by go.sum in dir.
func download(ctx context.Context, dir, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	var m struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &m); jsonErr == nil && m.Error != "" {
		err = errors.New(m.Error)
	}
	if err != nil || m.Dir == "" {
		return "", fmt.Errorf("downloading Go module %q: %w%s", module, err, stderr(err))
	}
	return m.Dir, nil
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return "\n" + string(exit.Stderr)
	}
	return ""
}

// gazelleSources renews the list of gazelle's own sources, which differs from the committed one because v2 is in place.
func gazelleSources(ctx context.Context, dir string, log io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", "run", "internal/list_repository_tools_srcs.go",
		"-dir", dir, "-generate", "internal/go_repository_tools_srcs.bzl")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("listing gazelle's sources: %w", err)
	}
	return nil
}

// field is what rules_go reads and Debian's bazel_features 1.11 does not have.
const field = "instrumented_files_info_has_baseline_coverage_files"

// features copies Debian's bazel_features with one more field.
func features(from, to string) error {
	if err := copyTree(from, to); err != nil {
		return err
	}
	path := filepath.Join(to, "features.bzl")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if bytes.Contains(data, []byte(field)) {
		return nil
	}
	const at = "_rules = struct(\n"
	if bytes.Count(data, []byte(at)) != 1 {
		return fmt.Errorf("adding %s to %q: no line %q", field, path, strings.TrimSpace(at))
	}
	return os.WriteFile(path, bytes.Replace(data, []byte(at), []byte(at+"    "+field+" = False,\n"), 1), 0o644)
}

// copyTree copies from over to. Module zips carry no modes: scripts become executable, everything becomes writable.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(path) // follows Debian's symlinks
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(path, ".sh") {
			mode = 0o755
		}
		return os.WriteFile(target, data, mode)
	})
}

// index writes the registry of src's modules to dir. The stamp comes last.
func (c Config) index(src, dir string) error {
	modules, err := held(src)
	if err != nil {
		return err
	}
	files, err := c.moduleFiles(modules)
	if err != nil {
		return err
	}
	for name, versions := range Wanted(files) {
		path, ok := modules[name]
		if !ok {
			continue // Debian's rc overrides it
		}
		for _, v := range versions {
			if err := entry(filepath.Join(dir, "modules", name, v), path, v); err != nil {
				return fmt.Errorf("writing the registry entry %s@%s: %w", name, v, err)
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, stamp), []byte("{\"module_base_path\": \"/\"}\n"), 0o644)
}

// held returns the folders of src's modules by name.
func held(src string) (map[string]string, error) {
	entries, err := os.ReadDir(src)
	if err != nil {
		return nil, err
	}
	modules := make(map[string]string)
	for _, e := range entries {
		modules[e.Name()] = filepath.Join(src, e.Name())
	}
	return modules, nil
}

// moduleFiles returns the texts of all MODULE.bazel files whose versions may be asked for: ours, the workspace's, those of
// Debian's modules and Bazel's own.
func (c Config) moduleFiles(modules map[string]string) ([]string, error) {
	paths := []string{filepath.Join(c.Workspace, "MODULE.bazel")}
	for _, dir := range modules {
		paths = append(paths, filepath.Join(dir, "MODULE.bazel"))
	}
	for _, pattern := range []string{"usr/share/bazel/*/*/MODULE.bazel", "usr/share/bazel/embedded_tools/MODULE.bazel"} {
		found, err := filepath.Glob(filepath.Join(c.Root, pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	var texts []string
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(data))
	}
	return texts, nil
}

func entry(dir, path, version string) error {
	data, err := os.ReadFile(filepath.Join(path, "MODULE.bazel"))
	if err != nil {
		return err
	}
	text, err := WithVersion(string(data), version)
	if err != nil {
		return err
	}
	source, err := json.Marshal(map[string]string{"type": "local_path", "path": strings.TrimPrefix(path, "/")})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "MODULE.bazel"), []byte(text), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "source.json"), source, 0o644)
}
