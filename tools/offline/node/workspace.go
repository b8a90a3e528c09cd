package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/debian"
	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// workspace is the folder of one build: bin/<program> and root, each complete as
// soon as it has its name.
type workspace struct {
	*Builder
	dir string
}

func (w workspace) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

// programs compiles what Debian does not have. One after the other: the Go command
// uses all processors by itself.
func (w workspace) programs(ctx context.Context) error {
	for name, flags := range map[string]string{
		"kubernetes": "-s -w" + versionFlags(),
		"pause":      "-s -w",
	} {
		if err := w.compile(ctx, name, flags); err != nil {
			return fmt.Errorf("compiling %s: %w", name, err)
		}
	}
	return nil
}

// compile leaves the program unless it is there. It takes the machine's Go build
// cache and stamps nothing of the checkout into the program.
func (w workspace) compile(ctx context.Context, name, flags string) error {
	target := w.path("bin", name)
	if exists(target) {
		return nil
	}
	defer w.timed("program " + name)()
	if err := os.MkdirAll(w.path("bin"), 0o755); err != nil {
		return err
	}
	err := command.Command{
		Argv: []string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", target + ".part", "."},
		Env:  []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off"},
		Dir:  filepath.Join(w.Sources, name),
	}.Run(ctx)
	if err != nil {
		return err
	}
	return os.Rename(target+".part", target)
}

// versionFlags make the programs report their release: kubeadm compares it with
// the images' and kubelet's.
func versionFlags() string {
	var flags strings.Builder
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, pair := range []string{
			"gitVersion=" + kubernetesVersion, "gitMajor=1", "gitMinor=" + kubernetesMinor, "gitTreeState=clean",
			"gitCommit=" + strings.Repeat("0", 40), "buildDate=1970-01-01T00:00:00Z",
		} {
			fmt.Fprintf(&flags, " -X %s.%s", pkg, pair)
		}
	}
	return flags.String()
}

// debian unpacks the node's root unless it is there. A mirror that is frozen at a
// date serves a release file past its Valid-Until; its signature is verified.
func (w workspace) debian(ctx context.Context) error {
	root := w.path("root")
	if exists(root) {
		return nil
	}
	defer w.timed("Debian " + release)()
	mirror, err := debian.Mirror(ctx)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(root + ".part"); err != nil {
		return err
	}
	err = command.Command{
		Argv: []string{
			w.MMDebstrap, "--quiet", "--mode=root", "--variant=minbase", "--keyring=" + debian.Keyring,
			`--aptopt=Acquire::Check-Valid-Until "false"`, `--aptopt=Acquire::Languages "none"`,
			"--include=" + strings.Join(packages(), ","), release, root + ".part", debian.Source(mirror, release),
		},
		Env: []string{"PATH=" + filepath.Dir(w.MMDebstrap) + ":" + command.SearchPath()},
		// What it mounts in the root ends with it, even when it is killed, and it ends
		// with this process: the next attempt's clean-up must meet neither the
		// machine's /dev there nor somebody who still unpacks.
		Attr: &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM},
	}.Run(ctx)
	if err != nil {
		return fmt.Errorf("unpacking Debian: %w", err)
	}
	return os.Rename(root+".part", root)
}
