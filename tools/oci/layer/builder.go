package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// entry is one file or directory of the layer.
type entry struct {
	path  string // without the leading slash, as tar wants it
	mode  int64
	owner int // user and group
	dir   bool
	open  func() (content io.ReadCloser, size int64, err error) // nil for a directory
}

// parseEntry reads PATH:MODE[:OWNER].
func parseEntry(value string) (entry, error) {
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return entry{}, fmt.Errorf("must be PATH:MODE[:OWNER], got %q", value)
	}
	clean, err := cleanPath(parts[0])
	if err != nil {
		return entry{}, err
	}
	mode, err := strconv.ParseUint(parts[1], 8, 12)
	if err != nil {
		return entry{}, fmt.Errorf("mode must be octal and at most 7777, got %q", parts[1])
	}
	e := entry{path: clean, mode: int64(mode)}
	if len(parts) == 3 {
		// The archive's format has seven octal digits for it.
		owner, err := strconv.ParseUint(parts[2], 10, 21)
		if err != nil {
			return entry{}, fmt.Errorf("owner must be a number below 2097152, got %q", parts[2])
		}
		e.owner = int(owner)
	}
	return e, nil
}

func cleanPath(p string) (string, error) {
	if !strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/" {
		return "", fmt.Errorf("path must be absolute and without . or .. or a trailing slash, got %q", p)
	}
	return p[1:], nil
}

// builder collects entries. Its zero value is an empty layer.
type builder struct{ entries map[string]entry }

func (b *builder) add(e entry) error {
	if b.entries == nil {
		b.entries = map[string]entry{}
	}
	if _, twice := b.entries[e.path]; twice {
		return fmt.Errorf("path %q is there twice", "/"+e.path)
	}
	b.entries[e.path] = e
	return nil
}

// addArchive adds the files of a zip archive. Their times and modes are not taken over.
func (b *builder) addArchive(dir, source string) error {
	root, err := cleanPath(dir)
	if err != nil {
		return err
	}
	archive, err := zip.OpenReader(source) // open until the process ends: the entries read from it
	if err != nil {
		return fmt.Errorf("opening zip archive %q: %w", source, err)
	}
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		clean, err := cleanPath("/" + root + "/" + file.Name)
		if err != nil {
			return fmt.Errorf("reading zip archive %q: %w", source, err)
		}
		e := entry{path: clean, mode: 0o644, open: func() (io.ReadCloser, int64, error) {
			content, err := file.Open()
			return content, int64(file.UncompressedSize64), err
		}}
		if err := b.add(e); err != nil {
			return fmt.Errorf("reading zip archive %q: %w", source, err)
		}
	}
	return nil
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

func (b *builder) writeFile(output string) error {
	f, err := os.Create(output)
	if err != nil {
		return fmt.Errorf("writing layer: %w", err)
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(b.compress(buffered), buffered.Flush(), f.Close()); err != nil {
		return fmt.Errorf("writing layer %q: %w", output, err)
	}
	return nil
}

// compress uses one thread: what several make of the same bytes is not promised to be the same.
func (b *builder) compress(w io.Writer) error {
	packed, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(1)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	return errors.Join(b.write(packed), packed.Close())
}

func (b *builder) write(w io.Writer) error {
	b.addParents()
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(b.entries)) {
		if err := b.entries[name].write(archive); err != nil {
			return fmt.Errorf("adding %q: %w", "/"+name, err)
		}
	}
	return archive.Close()
}

// addParents makes the directories that were not named, so that their modes do not depend on who unpacks the layer.
func (b *builder) addParents() {
	for _, name := range slices.Collect(maps.Keys(b.entries)) {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, exists := b.entries[dir]; !exists {
				b.entries[dir] = entry{path: dir, mode: 0o755, dir: true}
			}
		}
	}
}

func (e entry) write(archive *tar.Writer) error {
	header := tar.Header{
		Name: e.path, Mode: e.mode, Uid: e.owner, Gid: e.owner, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR, Typeflag: tar.TypeReg,
	}
	if e.dir {
		header.Name, header.Typeflag = e.path+"/", tar.TypeDir
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
