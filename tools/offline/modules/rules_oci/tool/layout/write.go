package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// Digest returns the sha256 digest of data as "sha256:" and hexadecimal digits.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Put writes data as a blob, in place of a link of the same digest, and returns its digest.
func (d Dir) Put(data []byte) (string, error) {
	digest := Digest(data)
	path, err := d.prepare(digest)
	if err != nil {
		return "", err
	}
	return digest, d.wrap(os.WriteFile(path, data, 0o644))
}

// Link makes the blob of digest a relative symlink to target, in place of an earlier blob of that digest. Both paths
// must be relative to the same directory (or both absolute).
func (d Dir) Link(digest, target string) error {
	path, err := d.prepare(digest)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(filepath.Dir(path), target)
	if err != nil {
		return d.wrap(err)
	}
	return d.wrap(os.Symlink(rel, path))
}

// WriteIndex writes index.json and oci-layout, byte for byte as given.
func (d Dir) WriteIndex(index, ociLayout []byte) error {
	if err := os.WriteFile(filepath.Join(string(d), "index.json"), index, 0o644); err != nil {
		return d.wrap(err)
	}
	return d.wrap(os.WriteFile(filepath.Join(string(d), "oci-layout"), ociLayout, 0o644))
}

// prepare returns the path of a blob that does not exist yet, in a directory that does.
func (d Dir) prepare(digest string) (string, error) {
	path, err := d.Path(digest)
	if err != nil {
		return "", d.wrap(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", d.wrap(err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return "", d.wrap(err)
	}
	return path, nil
}

func (d Dir) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing image layout %q: %w", d, err)
}
