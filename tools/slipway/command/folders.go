package command

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
)

// CacheDir is the cache folder, as tools/bazelw determines it.
func CacheDir(getenv func(string) string) (string, error) {
	switch {
	case getenv("KUBERNAUT_CACHE") != "":
		return getenv("KUBERNAUT_CACHE"), nil
	case getenv("XDG_CACHE_HOME") != "":
		return filepath.Join(getenv("XDG_CACHE_HOME"), "kubernaut"), nil
	case getenv("HOME") != "":
		return filepath.Join(getenv("HOME"), ".cache", "kubernaut"), nil
	}
	return "", fault.New(fault.Usage, errors.New("no cache folder: KUBERNAUT_CACHE, XDG_CACHE_HOME and HOME are not set"),
		"export KUBERNAUT_CACHE=/var/tmp/kubernaut")
}

// FromCaller makes a path of the command line one of the folder where bazel run was typed, which is not the one that it
// starts programs in (https://bazel.build/docs/user-manual#running-executables).
func FromCaller(path string, getenv func(string) string) string {
	if caller := getenv("BUILD_WORKING_DIRECTORY"); path != "" && caller != "" && !filepath.IsAbs(path) {
		return filepath.Join(caller, path)
	}
	return path
}

// Workspace is the checkout that Bazel has started this program from, "" without one. `bazel run` tells it. `bazel test`
// does not, and a variable of it would make each checkout's results another cache entry; but the output base, which the
// test's runfiles are in, names it.
func Workspace(getenv func(string) string) string {
	if dir := getenv("BUILD_WORKSPACE_DIRECTORY"); dir != "" {
		return dir
	}
	return tested(getenv).workspace
}

// OutputBase is Bazel's folder for the checkout, "" without one (https://bazel.build/remote/output-directories).
func OutputBase(getenv func(string) string) string {
	dir := getenv("BUILD_WORKSPACE_DIRECTORY")
	if dir == "" {
		return tested(getenv).base
	}
	target, _ := os.Readlink(filepath.Join(dir, "bazel-out"))
	base, _, ok := strings.Cut(target, "/execroot/")
	if !ok {
		return ""
	}
	return base
}

// Outputs is what bazel-bin leads to, "" without a checkout. Bazel makes that link when a build has ended, tests included:
// a test looks at the folder that its own runfiles are in.
func Outputs(getenv func(string) string) string {
	if dir := getenv("BUILD_WORKSPACE_DIRECTORY"); dir != "" {
		return filepath.Join(dir, "bazel-bin")
	}
	return tested(getenv).outputs
}

// folders are where a test was built.
type folders struct{ base, outputs, workspace string }

// tested are a test's folders, empty for other programs.
func tested(getenv func(string) string) folders {
	base, rest, ok := strings.Cut(getenv("TEST_SRCDIR"), "/execroot/")
	if !ok {
		return folders{}
	}
	name, err := os.ReadFile(filepath.Join(base, "DO_NOT_BUILD_HERE"))
	if err != nil { // a sandbox
		return folders{}
	}
	f := folders{base: base, workspace: strings.TrimSpace(string(name))}
	if config, _, ok := strings.Cut(rest, "/bin/"); ok { // of the base's own path a part may be "bin", too
		f.outputs = filepath.Join(base, "execroot", config, "bin")
	}
	return f
}
