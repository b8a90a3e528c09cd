package node

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// key is the hash of the image's inputs: this folder (recipe, versions, programs,
// files), the Go release and the architecture. 12 hex digits.
func (b *Builder) key() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, runtime.Version(), runtime.GOARCH)
	root, err := os.OpenRoot(b.Sources)
	if err != nil {
		return "", fmt.Errorf("reading the node image's sources: %w", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isInput(path) {
			return err
		}
		return addFile(hash, root, path)
	})
	if err != nil {
		return "", fmt.Errorf("reading the node image's sources: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}

// isInput leaves out what cannot change the image: builder.go only decides when one
// is built and loaded.
func isInput(path string) bool {
	name := filepath.Base(path)
	return !strings.HasSuffix(name, "_test.go") && name != "BUILD.bazel" && path != "builder.go"
}

// addFile hashes name and size before the content, so that no two folders look alike.
func addFile(hash io.Writer, root *os.Root, path string) error {
	file, err := root.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(hash, "%q %d\n", filepath.ToSlash(path), info.Size())
	_, err = io.Copy(hash, file)
	return err
}
