package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// assemble turns the Debian root into a node. Every part replaces what it finds,
// so that an interrupted call can be repeated on the same root.
func (w workspace) assemble(ctx context.Context) error {
	if err := w.trim(); err != nil {
		return err
	}
	if err := w.baseFiles(ctx); err != nil {
		return err
	}
	if err := w.units(); err != nil {
		return err
	}
	if err := w.containerdSpec(ctx); err != nil {
		return err
	}
	return w.importImages(ctx)
}

// in is a path in the node's root.
func (w workspace) in(elem ...string) string { return w.path(append([]string{"root"}, elem...)...) }

// trim deletes what no node uses: documentation, package lists, Perl's library,
// containerd's former shims and the CNI plugins that no configuration names.
func (w workspace) trim() error {
	patterns := []string{
		"usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale",
		"var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "var/log/*.log", "var/log/apt",
		"usr/lib/*/perl", "usr/lib/*/libperl.so*", "usr/share/perl", "usr/share/perl5", // of usrmerge, which has done its work
		"usr/bin/containerd-shim", "usr/bin/containerd-shim-runc-v1", "usr/bin/containerd-stress",
	}
	plugins, err := filepath.Glob(w.in("usr/lib/cni/*"))
	if err != nil {
		return err
	}
	for _, plugin := range plugins {
		if name := filepath.Base(plugin); !slices.Contains([]string{"host-local", "loopback", "portmap", "ptp"}, name) {
			patterns = append(patterns, "usr/lib/cni/"+name)
		}
	}
	return w.remove(patterns...)
}

// remove deletes what the patterns match in the root.
func (w workspace) remove(patterns ...string) error {
	var errs []error
	for _, pattern := range patterns {
		paths, err := filepath.Glob(w.in(pattern))
		errs = append(errs, err)
		for _, path := range paths {
			errs = append(errs, os.RemoveAll(path))
		}
	}
	return errors.Join(errs...)
}

// baseFiles lays kind's files, then ours, then the programs over the root.
func (w workspace) baseFiles(ctx context.Context) error {
	base, err := w.kindFiles(ctx)
	if err != nil {
		return err
	}
	for _, dir := range []string{base, filepath.Join(w.Sources, "files")} {
		if err := overlay(dir, w.in()); err != nil {
			return fmt.Errorf("copying the node's files: %w", err)
		}
	}
	if err := w.containerdConfig(); err != nil {
		return err
	}
	if err := os.WriteFile(w.in("kind/version"), []byte(kubernetesVersion), 0o644); err != nil {
		return err
	}
	if err := copyFile(w.path("bin/kubernetes"), w.in("usr/bin/kubernetes"), 0o755); err != nil {
		return err
	}
	links := map[string]string{
		"usr/bin/kubeadm": "kubernetes", "usr/bin/kubelet": "kubernetes", "usr/bin/kubectl": "kubernetes",
		"usr/sbin/init": "/usr/lib/systemd/systemd", "opt/cni/bin": "/usr/lib/cni",
	}
	for _, name := range []string{"containerd", "ctr", "containerd-shim-runc-v2"} {
		links["usr/local/bin/"+name] = "/usr/bin/" + name // where kind and its units look
	}
	return w.symlinks(links)
}

// kindFiles is the folder of base files in kind's module.
func (w workspace) kindFiles(ctx context.Context) (string, error) {
	var out bytes.Buffer
	err := command.Command{
		Argv: []string{"go", "mod", "download", "-json", kindModule}, Dir: w.Sources, Stdout: &out,
	}.Run(ctx)
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", kindModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out.Bytes(), &module); err != nil {
		return "", fmt.Errorf("downloading %s: %w", kindModule, err)
	}
	return filepath.Join(module.Dir, "images/base/files"), nil
}

// overlay copies a folder over another. A module has no file modes: what lies in a
// folder of programs is executable.
func overlay(source, target string) error {
	return filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(source, path)
		if err := errors.Join(err, relErr); err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(target, name), 0o755)
		}
		mode := fs.FileMode(0o644)
		if filepath.Base(filepath.Dir(name)) == "bin" {
			mode = 0o755
		}
		return copyFile(path, filepath.Join(target, name), mode)
	})
}

func copyFile(source, target string, mode fs.FileMode) error {
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.WriteFile(target, data, mode)
}

// containerdConfig adapts kind's configuration: registries are configured by
// folder, so that a running node can be taught one, and no process may ask for a
// negative OOM score where the machine does not grant it.
func (w workspace) containerdConfig() error {
	path := w.in("etc/containerd/config.toml")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	adapted, err := adaptContainerd(string(data))
	if err != nil {
		return fmt.Errorf("adapting %q: %w", path, err)
	}
	return os.WriteFile(path, []byte(adapted), 0o644)
}

func adaptContainerd(text string) (string, error) {
	const before, after = "restrict_oom_score_adj = false", "restrict_oom_score_adj = true"
	if strings.Count(text, before) != 1 {
		return "", fmt.Errorf("%q must stand there once; %s has another form", before, kindModule)
	}
	return strings.Replace(text, before, after, 1) + `
[plugins."io.containerd.grpc.v1.cri".registry]
  # one folder per registry, read at every pull
  config_path = "/etc/containerd/certs.d"
`, nil
}

// units leaves the services that a node needs, as kind's Dockerfile does: systemd
// must not touch devices, kernel settings or file systems of the machine.
func (w workspace) units() error {
	err := w.remove(
		"usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
		"usr/lib/systemd/system/multi-user.target.wants/*", "etc/systemd/system/*.wants/*",
		"usr/lib/systemd/system/local-fs.target.wants/*", "usr/lib/systemd/system/sockets.target.wants/*udev*",
		"usr/lib/systemd/system/sockets.target.wants/*initctl*", "usr/lib/systemd/system/basic.target.wants/*",
	)
	if err != nil {
		return err
	}
	links := map[string]string{"etc/systemd/system/systemd-binfmt.service": "/dev/null"} // kernel-wide
	for _, unit := range []string{"kubelet", "containerd", "undo-mount-hacks", "node-images", "node-network"} {
		links["etc/systemd/system/multi-user.target.wants/"+unit+".service"] = "/etc/systemd/system/" + unit + ".service"
	}
	if err := w.symlinks(links); err != nil {
		return err
	}
	for _, dir := range []string{"etc/kubernetes/manifests", "etc/cni/net.d", "etc/containerd/certs.d", "etc/systemd/journald.conf.d"} {
		if err := os.MkdirAll(w.in(dir), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(w.in("etc/systemd/journald.conf.d/node.conf"), []byte("[Journal]\nReadKMsg=no\n"), 0o644)
}

func (w workspace) symlinks(links map[string]string) error {
	var errs []error
	for name, target := range links {
		path := w.in(name)
		errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.Symlink(target, path))
	}
	return errors.Join(errs...)
}

// containerdSpec writes the OCI configuration that kind's containerd starts every
// container from.
func (w workspace) containerdSpec(ctx context.Context) error {
	var out bytes.Buffer
	if err := w.inside(ctx, &out, nil, "/usr/bin/ctr", "oci", "spec"); err != nil {
		return err
	}
	spec, err := adaptSpec(out.Bytes())
	if err != nil {
		return fmt.Errorf("adapting containerd's default container: %w", err)
	}
	return os.WriteFile(w.in("etc/containerd/cri-base.json"), spec, 0o644)
}

// adaptSpec adds kind's hook and takes the limits out, which the node's own rule.
func adaptSpec(data []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var spec map[string]any
	if err := decoder.Decode(&spec); err != nil {
		return nil, err
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return nil, errors.New("it has no process")
	}
	delete(process, "rlimits")
	spec["hooks"] = map[string]any{"createContainer": []any{map[string]any{"path": "/kind/bin/mount-product-files.sh"}}}
	return json.MarshalIndent(spec, "", "  ")
}

// enclosed is a process that sees the node's root alone, without a network.
func (w workspace) enclosed() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Chroot:     w.in(),
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
}
