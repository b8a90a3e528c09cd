package main

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/tools/archive"
)

// parseEntry reads PATH:MODE[:OWNER].
func parseEntry(value string) (archive.Entry, error) {
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return archive.Entry{}, fmt.Errorf("must be PATH:MODE[:OWNER], got %q", value)
	}
	clean, err := cleanPath(parts[0])
	if err != nil {
		return archive.Entry{}, err
	}
	mode, err := strconv.ParseUint(parts[1], 8, 12)
	if err != nil {
		return archive.Entry{}, fmt.Errorf("mode must be octal and at most 7777, got %q", parts[1])
	}
	e := archive.Entry{Path: clean, Mode: int64(mode)}
	if len(parts) == 3 {
		// The archive's format has seven octal digits for it.
		owner, err := strconv.ParseUint(parts[2], 10, 21)
		if err != nil {
			return archive.Entry{}, fmt.Errorf("owner must be a number below 2097152, got %q", parts[2])
		}
		e.Owner = int(owner)
	}
	return e, nil
}

func cleanPath(p string) (string, error) {
	if !strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/" {
		return "", fmt.Errorf("path must be absolute and without . or .. or a trailing slash, got %q", p)
	}
	return p[1:], nil
}

// builder is a layer. Its zero value is an empty one.
type builder struct{ archive.Builder }

// addArchive adds the files of a zip archive. Their times and modes are not taken over.
func (b *builder) addArchive(dir, source string) error {
	root, err := cleanPath(dir)
	if err != nil {
		return err
	}
	files, err := zip.OpenReader(source) // open until the process ends: the entries read from it
	if err != nil {
		return fmt.Errorf("opening zip archive %q: %w", source, err)
	}
	for _, file := range files.File {
		if file.FileInfo().IsDir() {
			continue
		}
		clean, err := cleanPath("/" + root + "/" + file.Name)
		if err != nil {
			return fmt.Errorf("reading zip archive %q: %w", source, err)
		}
		e := archive.Entry{Path: clean, Mode: 0o644, Open: func() (io.ReadCloser, int64, error) {
			content, err := file.Open()
			return content, int64(file.UncompressedSize64), err
		}}
		if err := b.Add(e); err != nil {
			return fmt.Errorf("reading zip archive %q: %w", source, err)
		}
	}
	return nil
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
	return errors.Join(b.Write(packed), packed.Close())
}
