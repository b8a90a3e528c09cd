// Package diskcache fills a folder as Bazel's --disk_cache has it (https://bazel.build/remote/caching#disk-cache), for tests of what
// reads layers from there. It writes the content-addressed part alone: nothing here asks for results of actions.
package diskcache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Fill copies the blobs of OCI layouts into the cache dir, which it makes. A blob that is a symbolic link, as Bazel's layouts have
// them, becomes a file.
func Fill(dir string, layouts ...string) error {
	for _, layout := range layouts {
		blobs, err := filepath.Glob(filepath.Join(layout, "blobs", "sha256", "*"))
		if err == nil && len(blobs) == 0 {
			err = errors.New("it has no blobs")
		}
		if err != nil {
			return fmt.Errorf("reading image layout %q: %w", layout, err)
		}
		for _, blob := range blobs {
			hex := filepath.Base(blob)
			if err := copyFile(filepath.Join(dir, "cas", hex[:2], hex), blob); err != nil {
				return fmt.Errorf("filling disk cache %q: %w", dir, err)
			}
		}
	}
	return nil
}

func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
