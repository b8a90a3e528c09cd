package engine

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// wanted names a program and the Debian package that has it. Docker's client is
// in docker.io up to bookworm and in docker-cli after that.
type wanted struct{ program, pkg string }

func daemonPrograms() []wanted {
	return []wanted{{"dockerd", "docker.io"}, {"containerd", "containerd"}, {"runc", "runc"}, {"iptables", "iptables"}, {"ip", "iproute2"}}
}

// install adds the Debian packages of the missing programs.
func (e *Engine) install(ctx context.Context) error {
	if err := e.aptInstall(ctx, missing(daemonPrograms())); err != nil {
		return err
	}
	return e.installClient(ctx)
}

// installClient is apart: an engine in another place still needs the programs
// that kind and the containment rule call.
func (e *Engine) installClient(ctx context.Context) error {
	packages := missing([]wanted{{"iptables", "iptables"}, {"ip", "iproute2"}})
	if len(missing([]wanted{{"docker", "docker"}})) > 0 {
		client := "docker-cli"
		if _, err := command.Output(ctx, "apt-cache", "show", client); err != nil {
			client = "docker.io"
		}
		packages = append(packages, client)
	}
	return e.aptInstall(ctx, packages)
}

func missing(programs []wanted) []string {
	var packages []string
	for _, w := range programs {
		if _, err := command.Find(w.program); err != nil {
			packages = append(packages, w.pkg)
		}
	}
	return packages
}

// aptInstall finishes even when ctx is cancelled meanwhile: an interrupted dpkg
// leaves packages half configured. It runs in a process group of its own for the
// same reason, out of reach of the terminal's Ctrl-C.
func (e *Engine) aptInstall(ctx context.Context, packages []string) error {
	if len(packages) == 0 {
		return nil
	}
	e.logf("installing Debian packages: %v", packages)
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if !aptListed() {
		if err := apt("update").Run(ctx); err != nil {
			return fmt.Errorf("reading the package lists: %w", err)
		}
	}
	argv := append([]string{"install", "--yes", "--no-install-recommends"}, packages...)
	if err := apt(argv...).Run(ctx); err != nil {
		// Lists of an older date name package versions that the mirror no longer has.
		if err := apt("update").Run(ctx); err != nil {
			return fmt.Errorf("reading the package lists: %w", err)
		}
		if err := apt(argv...).Run(ctx); err != nil {
			return fmt.Errorf("installing Debian packages %v: %w", packages, err)
		}
	}
	return nil
}

func apt(argv ...string) command.Command {
	return command.Command{
		Argv:   append([]string{"apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"}, argv...),
		Env:    []string{"DEBIAN_FRONTEND=noninteractive"},
		Stdout: io.Discard,
		Attr:   &syscall.SysProcAttr{Setpgid: true},
	}
}

// aptListed is false on a machine whose lists were never read (images ship so).
func aptListed() bool {
	lists, err := filepath.Glob("/var/lib/apt/lists/*_Packages*")
	return err == nil && len(lists) > 0
}
