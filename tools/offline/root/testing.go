package root

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/debian"
)

// forTests is what tests alone need, and no run of a suite and no push: it is not among packages, because it is half as large as all of
// them (see README.md). `test` and `coverage` add it to the root when they first run.
var forTests = []string{
	"chromium-headless-shell", "fonts-dejavu-core", // pages that programs here write
	"docker-registry", // pushes with TLS and a login
}

// testingMark holds what was installed, in full.
const testingMark = "var/lib/kubernaut-testing"

// HasTesting reports whether the root has what tests need.
func HasTesting(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, testingMark))
	return err == nil && string(data) == strings.Join(forTests, " ")
}

// install unpacks and configures what lies in the archive folder. It runs in a mount namespace of its own, where the root has a /proc,
// which packages' scripts read. Nothing is started: https://manpages.debian.org/invoke-rc.d. Without an archive everything is there already.
const install = `mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot "$1" sh -c '
	export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
	set -- /` + debian.Archives + `/*.deb
	test -e "$1" || exit 0
	printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
	dpkg --force-confold --install "$@" && rm -f "$@"'`

// EnsureTesting adds what tests need to the root in cache unless it is there. A Bazel that runs there goes on and sees it. An interrupted
// attempt is finished by the next one. dpkg's output goes to log.
func EnsureTesting(ctx context.Context, cache string, log io.Writer) error {
	dir := Dir(cache)
	if HasTesting(dir) {
		return nil
	}
	mirror, err := debian.Mirror(ctx)
	if err != nil {
		return err
	}
	// What a failed attempt left may be of another list.
	if err := os.RemoveAll(filepath.Join(dir, debian.Archives)); err != nil {
		return err
	}
	if err := debian.Download(ctx, filepath.Join(cache, "apt"), debian.Source(mirror, Release), dir, forTests...); err != nil {
		return fmt.Errorf("fetching what tests need: %w", err)
	}
	// dpkg finishes even when ctx ends meanwhile: half a package is worse than a wait.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", install, "sh", dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setpgid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("installing what tests need in %q: %w", dir, err)
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, testingMark), []byte(strings.Join(forTests, " ")), 0o644), ctx.Err())
}
