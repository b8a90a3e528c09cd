// Package root makes the Bazel root: a Debian release of its own below the cache folder that holds Bazel, its Java and
// the programs that tests need.
//
// Debian packages Bazel (bazel-bootstrap) in a release newer than the machine's; installing it there would replace the
// machine's C library. In a root of its own it disturbs nothing and is removed by deleting a folder.
package root

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/debian"
)

// Release is the Debian release whose bazel-bootstrap is Bazel 7.7.1.
const Release = "forky"

// packages of the root; the comment says who needs what.
var packages = []string{
	"bazel-bootstrap", "bazel-rules-shell", // Bazel, its Java, and the Starlark rules that Debian ships
	"ca-certificates", "git", "mount", "patch", "unzip", "zip", // repository rules and the go client
	"postgresql", // services' store tests run a real server
}

// dpkg's path-excludes; manual pages stay, because openjdk's postinst runs update-alternatives in their folder.
var excludes = []string{"/usr/share/doc/*", "/usr/share/locale/*"}

// Key identifies a root's content; a root of another key is another folder.
func Key() string {
	h := sha256.New()
	fmt.Fprintln(h, "format 1", Release, packages, excludes)
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Dir returns the root's folder in cache.
func Dir(cache string) string { return filepath.Join(cache, "root", Key()) }

// Ensure makes the root unless it is there. An interrupted attempt leaves a folder ending in ".part", which the next one
// replaces. Output of mmdebstrap goes to log. It takes one to three minutes and 1.5 GB.
func Ensure(ctx context.Context, cache string, log io.Writer) (string, error) {
	dir := Dir(cache)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	mirror, err := debian.Mirror(ctx)
	if err != nil {
		return "", err
	}
	script, err := debian.MMDebstrap(ctx, filepath.Join(cache, "apt"), Release)
	if err != nil {
		return "", err
	}
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, script, arguments(part, debian.Source(mirror, Release))...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(script)+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = log, log
	// A mount namespace of its own, which ends with it: a killed run leaves no mount below the folder that the next removes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("making the Bazel root %q: %w", part, err)
	}
	return dir, os.Rename(part, dir)
}

func arguments(dir, source string) []string {
	args := []string{
		"--mode=root", "--variant=apt", "--keyring=" + debian.Keyring,
		`--aptopt=Acquire::Check-Valid-Until "false"`, `--aptopt=Acquire::Languages "none"`,
	}
	for _, e := range excludes {
		args = append(args, "--dpkgopt=path-exclude="+e)
	}
	return append(args, "--include="+strings.Join(packages, ","), Release, dir, source)
}
