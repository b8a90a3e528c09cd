// Package runfiles finds a program's data files when it is started by `bazel run`, by a script of
// `--script_path`, by another program with runfiles, or directly from bazel-bin.
//
// It knows the one form that oci/private/launcher.bzl makes: paths with canonical repository names, a JSON file beside
// the executable. There is no repository mapping.
package runfiles

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Files locates runfiles. It is immutable and safe for concurrent use.
type Files struct {
	dir      string            // runfiles directory, or ""
	manifest map[string]string // runfiles path → path on disk, when there is no directory
}

// Open finds the runfiles of the program that was started as argv0. The lookup function is os.Getenv.
func Open(argv0 string, getenv func(string) string) (*Files, error) {
	if dir := getenv("RUNFILES_DIR"); isDir(dir) {
		return &Files{dir: dir}, nil
	}
	if dir := argv0 + ".runfiles"; isDir(dir) {
		return &Files{dir: dir}, nil
	}
	if before, _, inside := strings.Cut(argv0, ".runfiles/"); inside {
		return &Files{dir: before + ".runfiles"}, nil
	}
	for _, path := range []string{getenv("RUNFILES_MANIFEST_FILE"), argv0 + ".runfiles_manifest"} {
		if data, err := os.ReadFile(path); err == nil {
			return &Files{manifest: parseManifest(string(data))}, nil
		}
	}
	return nil, fmt.Errorf("finding runfiles of %q: none; start the target with bazel run", argv0)
}

// Path returns where the runfile is. The empty path stays empty.
func (f *Files) Path(runfile string) string {
	if runfile == "" {
		return ""
	}
	if f.dir == "" {
		return f.manifest[runfile]
	}
	return filepath.Join(f.dir, filepath.FromSlash(runfile))
}

// Spec reads the JSON file beside the executable into v.
func Spec(argv0 string, v any) error {
	data, err := os.ReadFile(argv0 + ".json")
	if err != nil {
		return fmt.Errorf("reading spec: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading spec %q: %w", argv0+".json", err)
	}
	return nil
}

func parseManifest(text string) map[string]string {
	entries := map[string]string{}
	for line := range strings.Lines(text) {
		if name, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok && name != "" {
			entries[name] = path
		}
	}
	return entries
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return path != "" && err == nil && info.IsDir()
}
