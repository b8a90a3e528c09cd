package root

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/debian"
)

// browser is what tests of pages need. It is not among packages, because it is half as large as all of them (see README.md), and
// only `test` and `coverage` need it: they add it to the root when they first run.
var browser = []string{"chromium-headless-shell", "fonts-dejavu-core"}

// browserMark says that the browser is installed, in full.
const browserMark = "var/lib/kubernaut-browser"

// HasBrowser reports whether the root has one.
func HasBrowser(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, browserMark))
	return err == nil
}

// install unpacks and configures what lies in the archive folder. It runs in a mount namespace of its own, where the root has a /proc,
// which packages' scripts read.
const install = `mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot "$1" sh -c '
	export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin
	dpkg --force-confold --install /` + debian.Archives + `/*.deb && rm -f /` + debian.Archives + `/*.deb'`

// EnsureBrowser adds a browser to the root in cache unless it has one. A Bazel that runs there goes on and sees it. An interrupted
// attempt is finished by the next one. dpkg's output goes to log.
func EnsureBrowser(ctx context.Context, cache string, log io.Writer) error {
	dir := Dir(cache)
	if HasBrowser(dir) {
		return nil
	}
	mirror, err := debian.Mirror(ctx)
	if err != nil {
		return err
	}
	if err := debian.Download(ctx, filepath.Join(cache, "apt"), debian.Source(mirror, Release), dir, browser...); err != nil {
		return fmt.Errorf("fetching the browser: %w", err)
	}
	// dpkg finishes even when ctx ends meanwhile: half a package is worse than a wait.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", install, "sh", dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Setpgid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("installing the browser in %q: %w", dir, err)
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, browserMark), nil, 0o644), ctx.Err())
}
