package source

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Layout opens blobs of an OCI image layout directory (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
// A blob may be a regular file or a symlink to one anywhere on the disk: Bazel's layouts point into the output tree, and
// runfiles are links themselves. For the same reason neither oci-layout nor index.json is read: the plan's descriptor
// already says what the image holds.
type Layout string

// Open implements Blobs. It fails early on a file of another size.
func (l Layout) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	algorithm, hex, ok := strings.Cut(blob.Digest, ":")
	if !ok || strings.ContainsAny(blob.Digest, "/\\.") {
		return nil, fmt.Errorf("opening blob %q in image layout %q: not a digest", blob.Digest, string(l))
	}
	path := filepath.Join(string(l), "blobs", algorithm, hex)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening blob in image layout: %w", err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		file.Close()
		return nil, fmt.Errorf("opening blob in image layout: %w", err)
	case !info.Mode().IsRegular():
		file.Close()
		return nil, fmt.Errorf("opening blob in image layout: %q is not a file", path)
	case info.Size() != blob.Size:
		file.Close()
		return nil, &CorruptError{Blob: blob, Problem: fmt.Sprintf("%q has %d bytes instead of %d", path, info.Size(), blob.Size)}
	}
	return Verify(file, blob), nil
}
