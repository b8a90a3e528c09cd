// Package enter runs a program with another folder as its root file system.
//
// It uses a private mount namespace and pivot_root. A plain chroot would not do: the Bazel client compares the server's
// /proc/PID/cwd with the workspace, and a chroot in a fresh namespace shows ROOT/workspace there, so the server would be
// restarted at every command (8 s instead of 0.3 s).
package enter

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// Exec replaces this process by argv, with root as "/" and each of binds visible at its own path. Binds that do not exist
// are left out. It needs CAP_SYS_ADMIN. It returns only on failure.
func Exec(root string, binds, argv, env []string) error {
	// unshare changes this thread alone; exec then makes it the whole process.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("entering a private mount namespace: %w (the offline tool set needs root)", err)
	}
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := assemble(root, binds); err != nil {
		return err
	}
	if err := pivot(root, wd); err != nil {
		return err
	}
	path, err := look(argv[0], env)
	if err != nil {
		return err
	}
	return fmt.Errorf("running %q: %w", path, syscall.Exec(path, argv, env))
}

func assemble(root string, binds []string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := syscall.Mount(root, root, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding the root %q: %w", root, err)
	}
	if err := syscall.Mount("proc", filepath.Join(root, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting proc: %w", err)
	}
	for _, b := range Order(append([]string{"/dev", "/sys"}, binds...)) {
		if err := bind(root, b); err != nil {
			return err
		}
	}
	return nil
}

// Order sorts binds so that a folder comes before what lies in it, and drops empty and repeated ones.
func Order(binds []string) []string {
	var out []string
	for _, b := range binds {
		if b != "" {
			out = append(out, filepath.Clean(b))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return slices.Compact(out)
}

func bind(root, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	target := filepath.Join(root, path)
	if err := mountPoint(target, info.IsDir()); err != nil {
		return fmt.Errorf("making the mount point of %q: %w", path, err)
	}
	if err := syscall.Mount(path, target, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("binding %q: %w", path, err)
	}
	return nil
}

// mountPoint makes the folder or empty file that is mounted over.
func mountPoint(path string, dir bool) error {
	if dir {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func pivot(root, wd string) error {
	if err := os.MkdirAll(filepath.Join(root, ".old"), 0o755); err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", ".old"); err != nil {
		return fmt.Errorf("pivoting into %q: %w", root, err)
	}
	if err := os.Chdir(wd); err != nil {
		return fmt.Errorf("entering %q inside the root: %w (is it below a folder that is bound?)", wd, err)
	}
	return syscall.Unmount("/.old", syscall.MNT_DETACH)
}

// look finds name on env's PATH inside the new root.
func look(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, e := range env {
		path, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			p := filepath.Join(dir, name)
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("running %q: not found in the root", name)
}
