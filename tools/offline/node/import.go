package node

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kubernaut/kubernaut/tools/offline/engine/command"
)

// importConfig is for the containerd that only imports: no CRI, nothing that mounts.
const importConfig = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
`

// inside runs a program of the node's root.
func (w workspace) inside(ctx context.Context, stdout io.Writer, stdin io.Reader, argv ...string) error {
	return command.Command{Argv: argv, Dir: "/", Stdin: stdin, Stdout: stdout, Attr: w.enclosed()}.Run(ctx)
}

// importImages puts the control plane's images into the root's containerd store,
// not unpacked: snapshots belong to a running node's file system, where the unit
// node-images makes them and drops the layers.
func (w workspace) importImages(ctx context.Context) error {
	defer w.timed("control plane images")()
	images, err := w.images()
	if err != nil {
		return err
	}
	if err := w.remove("var/lib/containerd", "run/containerd"); err != nil {
		return err
	}
	stop, err := w.containerd(ctx)
	if err != nil {
		return fmt.Errorf("starting containerd in the node's root: %w", err)
	}
	defer stop()
	read, write := io.Pipe()
	go func() { write.CloseWithError(writeArchive(write, images)) }()
	err = w.inside(ctx, nil, read, "/usr/bin/ctr", "--namespace", "k8s.io", "images", "import", "--all-platforms", "--no-unpack", "--digests", "-")
	read.CloseWithError(errors.New("the import ended")) // ends the writer too
	stop()
	return errors.Join(err, w.remove("run/containerd", "tmp/import.toml"))
}

// containerd starts in the root and returns once it answers. The result ends it,
// so that its database is complete; it may be called twice.
func (w workspace) containerd(ctx context.Context) (stop func(), err error) {
	if err := os.WriteFile(w.in("tmp/import.toml"), []byte(importConfig), 0o600); err != nil {
		return nil, err
	}
	var tail command.Tail
	cmd := exec.CommandContext(ctx, "/usr/bin/containerd", "--config", "/tmp/import.toml")
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = "/", &tail, w.enclosed()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	stop = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-exited
		}
	}
	for range 200 {
		if w.inside(ctx, nil, nil, "/usr/bin/ctr", "version") == nil {
			return stop, nil
		}
		select {
		case <-exited:
			return nil, fmt.Errorf("it ended%s", &tail)
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	return nil, fmt.Errorf("no answer%s", &tail)
}

// images are the control plane's; all Kubernetes programs are one layer.
func (w workspace) images() ([]image, error) {
	kubernetes := []entry{directory("tmp", 0o1777), program("usr/local/bin/kubernetes", w.path("bin/kubernetes"))}
	for _, name := range []string{"coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler"} {
		kubernetes = append(kubernetes, link("usr/local/bin/"+name, "kubernetes"))
	}
	iptables, err := w.iptables()
	if err != nil {
		return nil, fmt.Errorf("collecting iptables for kube-proxy: %w", err)
	}
	return controlPlane(
		&layer{zipped: true, entries: kubernetes},
		&layer{zipped: true, entries: iptables},
		&layer{zipped: true, entries: []entry{program("pause", w.path("bin/pause"))}},
	), nil
}

// iptables is what kube-proxy runs, with all shared libraries: Debian's own, at
// their places.
func (w workspace) iptables() ([]entry, error) {
	names := []string{"usr/sbin/xtables-nft-multi", "usr/sbin/nft", "usr/sbin/conntrack"}
	plugins, err := filepath.Glob(w.in("usr/lib/*/xtables/*.so"))
	if err != nil {
		return nil, err
	}
	for _, plugin := range plugins {
		name, err := filepath.Rel(w.in(), plugin)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	names, err = closure(w.in(), names)
	if err != nil {
		return nil, err
	}
	entries := []entry{
		directory("run", 0o755), link("lib", "usr/lib"), link("lib64", "usr/lib64"), link("sbin", "usr/sbin"), link("var/run", "/run"),
	}
	for _, name := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			entries = append(entries, link("usr/sbin/"+name+suffix, "xtables-nft-multi"))
		}
	}
	for _, name := range names {
		entries = append(entries, program(name, w.in(name)))
	}
	return entries, nil
}

// closure adds to programs the dynamic loader and every shared library that they
// or their libraries name. All names are relative to root and free of links to
// folders; a link to a file is named by the link, as the loader asks for it.
func closure(root string, names []string) ([]string, error) {
	folders, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu"))
	if err != nil || len(folders) == 0 {
		return nil, errors.Join(err, errors.New("the root has no folder of shared libraries"))
	}
	all := slices.Clone(names)
	for i := 0; i < len(all); i++ {
		needed, err := needs(filepath.Join(root, all[i]))
		if err != nil {
			return nil, err
		}
		for _, name := range needed {
			if !strings.HasPrefix(name, "/") {
				name = filepath.Join(folders[0], name)
				name = strings.TrimPrefix(name, root)
			}
			if name = "usr/" + strings.TrimPrefix(strings.TrimPrefix(name, "/"), "usr/"); !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// needs lists a program's libraries by name and its loader by absolute path.
func needs(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	defer file.Close()
	names, err := file.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_INTERP {
			continue
		}
		loader, err := io.ReadAll(segment.Open())
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", path, err)
		}
		names = append(names, strings.TrimRight(string(loader), "\x00"))
	}
	return names, nil
}
