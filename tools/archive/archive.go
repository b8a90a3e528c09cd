// Package archive writes tar archives that depend on the paths, modes, owners and bytes of their entries alone: entries are
// sorted, every time is 1970-01-01, owners are numbers, parent directories are made with mode 0755 and owner 0. Nothing of the
// machine, the user or the build's folders gets into them, so that equal inputs make equal bytes.
//
// It knows no symbolic links, devices or extended attributes, and paths are those of USTAR: at most 255 bytes
// (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html).
package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Entry is one file or directory.
type Entry struct {
	Path  string // clean and without a leading slash, as tar wants it
	Mode  int64  // permission bits, with those for setuid, setgid and sticky
	Owner int    // user and group
	// Open returns a file's content and its size in bytes; nil makes the entry a directory.
	Open func() (content io.ReadCloser, size int64, err error)
}

// Builder collects entries. Its zero value is an empty archive. It is not safe for concurrent use.
type Builder struct{ entries map[string]Entry }

// Add refuses a path that is not clean, leaves the archive, or is there already.
func (b *Builder) Add(e Entry) error {
	if path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || e.Path == "." || e.Path == ".." || strings.HasPrefix(e.Path, "../") {
		return fmt.Errorf("path must be inside and without . or .. or a trailing slash, got %q", e.Path)
	}
	if b.entries == nil {
		b.entries = map[string]Entry{}
	}
	if _, twice := b.entries[e.Path]; twice {
		return fmt.Errorf("path %q is there twice", "/"+e.Path)
	}
	b.entries[e.Path] = e
	return nil
}

// File is an Entry.Open of a regular file, or of a link to one.
func File(source string) func() (io.ReadCloser, int64, error) {
	return func() (io.ReadCloser, int64, error) { return openFile(source) }
}

// Bytes is an Entry.Open of bytes.
func Bytes(data []byte) func() (io.ReadCloser, int64, error) {
	return func() (io.ReadCloser, int64, error) {
		return io.NopCloser(strings.NewReader(string(data))), int64(len(data)), nil
	}
}

func openFile(source string) (io.ReadCloser, int64, error) {
	f, err := os.Open(source)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is not a regular file", source)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Write writes the archive.
func (b *Builder) Write(w io.Writer) error {
	b.addParents()
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(b.entries)) {
		if err := b.entries[name].write(archive); err != nil {
			return fmt.Errorf("adding %q: %w", "/"+name, err)
		}
	}
	return archive.Close()
}

// addParents makes the directories that were not named, so that their modes do not depend on who unpacks the archive.
func (b *Builder) addParents() {
	for _, name := range slices.Collect(maps.Keys(b.entries)) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, exists := b.entries[dir]; !exists {
				b.entries[dir] = Entry{Path: dir, Mode: 0o755}
			}
		}
	}
}

func (e Entry) write(archive *tar.Writer) error {
	header := tar.Header{
		Name: e.Path, Mode: e.Mode, Uid: e.Owner, Gid: e.Owner, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR, Typeflag: tar.TypeReg,
	}
	if e.Open == nil {
		header.Name, header.Typeflag = e.Path+"/", tar.TypeDir
		return archive.WriteHeader(&header)
	}
	content, size, err := e.Open()
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
