package node

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// entry is one member of a layer: a header and, for a regular file, where its
// content comes from.
type entry struct {
	header tar.Header
	source string // path of the content; empty means data
	data   []byte
}

// directory, link and program are owned by root and have no date.
func directory(name string, mode int64) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}}
}

func link(name, target string) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

func program(name, source string) entry {
	return entry{header: tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755}, source: source}
}

// writeLayer writes the entries in order, with the folders that they need and do
// not name.
func writeLayer(w io.Writer, entries []entry) error {
	archive := tar.NewWriter(w)
	made := map[string]bool{}
	for _, e := range entries {
		for _, dir := range parents(e.header.Name) {
			if !made[dir] {
				made[dir] = true
				header := directory(dir, 0o755).header
				if err := archive.WriteHeader(&header); err != nil {
					return err
				}
			}
		}
		made[strings.TrimSuffix(e.header.Name, "/")] = true
		if err := writeEntry(archive, e); err != nil {
			return fmt.Errorf("packing %q: %w", e.header.Name, err)
		}
	}
	return archive.Close()
}

func writeEntry(archive *tar.Writer, e entry) error {
	header := e.header
	if header.Typeflag != tar.TypeReg {
		return archive.WriteHeader(&header)
	}
	content, size, err := e.open()
	if err != nil {
		return err
	}
	defer content.Close()
	header.Size = size
	if err := archive.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(archive, content)
	return err
}

func (e entry) open() (io.ReadCloser, int64, error) {
	if e.source == "" {
		return io.NopCloser(bytes.NewReader(e.data)), int64(len(e.data)), nil
	}
	file, err := os.Open(e.source)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// parents of "usr/lib/x" are "usr" and "usr/lib".
func parents(name string) []string {
	var dirs []string
	for dir := filepath.Dir(strings.TrimSuffix(name, "/")); dir != "." && dir != "/"; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}

// tree lists a folder's members in lexical order, with owners, modes, hard links
// and file capabilities. Folders in empty are kept without their content, which is
// the running machine's.
func tree(root string, empty ...string) ([]entry, error) {
	var entries []entry
	seen := map[uint64]string{} // inode of a file with several names
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(root, path)
		if err := errors.Join(err, relErr); err != nil || name == "." {
			return err
		}
		e, err := stat(path, name, seen)
		if err != nil || e == nil {
			return err
		}
		entries = append(entries, *e)
		if d.IsDir() && slices.Contains(empty, name) {
			return fs.SkipDir
		}
		return nil
	})
	return entries, err
}

// stat is nil for a socket, which no archive holds.
func stat(path, name string, seen map[uint64]string) (*entry, error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSocket != 0 {
		return nil, err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	owner := info.Sys().(*syscall.Stat_t)
	e := &entry{header: tar.Header{
		Typeflag: header.Typeflag, Name: name, Linkname: header.Linkname, Mode: header.Mode,
		Uid: int(owner.Uid), Gid: int(owner.Gid), Devmajor: header.Devmajor, Devminor: header.Devminor,
	}, source: path}
	if info.IsDir() {
		e.header.Name += "/"
	}
	if !info.Mode().IsRegular() {
		return e, nil
	}
	if first, ok := seen[owner.Ino]; ok {
		e.header.Typeflag, e.header.Linkname = tar.TypeLink, first
		return e, nil
	}
	if owner.Nlink > 1 {
		seen[owner.Ino] = name
	}
	return e, capabilities(path, &e.header)
}

// capabilities carries a file's capabilities (ping's CAP_NET_RAW) into the archive.
func capabilities(path string, header *tar.Header) error {
	const attribute = "security.capability"
	value := make([]byte, 64) // the kernel's largest version has 24 bytes
	n, err := syscall.Getxattr(path, attribute, value)
	if errors.Is(err, syscall.ENODATA) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the capabilities of %q: %w", path, err)
	}
	header.Format = tar.FormatPAX
	header.PAXRecords = map[string]string{"SCHILY.xattr." + attribute: string(value[:n])}
	return nil
}
