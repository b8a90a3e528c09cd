package source

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Layout opens blobs of an OCI image layout directory (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
// A blob may be a regular file or a symlink to one anywhere on the disk: Bazel's layouts point into the output tree, and
// runfiles are links themselves. For the same reason neither oci-layout nor index.json is read: the plan's descriptor
// already says what the image holds.
type Layout string

// Open implements Blobs. It fails early on a file of another size.
func (l Layout) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	hex, err := hexOf(blob)
	if err != nil {
		return nil, err
	}
	return openFile(filepath.Join(string(l), "blobs", "sha256", hex), blob, "image layout")
}

func openFile(path string, blob plan.Blob, where string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening blob in %s: %w", where, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		file.Close()
		return nil, fmt.Errorf("opening blob in %s: %w", where, err)
	case !info.Mode().IsRegular():
		file.Close()
		return nil, fmt.Errorf("opening blob in %s: %q is not a file", where, path)
	case info.Size() != blob.Size:
		file.Close()
		return nil, &CorruptError{Blob: blob, Problem: fmt.Sprintf("%q has %d bytes instead of %d", path, info.Size(), blob.Size)}
	}
	return Verify(file, blob), nil
}
