// Package source opens image blobs by digest, wherever they are: in an image layout, in memory, in Bazel's disk cache, in a
// remote cache by HTTP or gRPC, in the registry that a base image comes from. A layer's digest is the SHA-256 that Bazel's
// caches keep it under, so nothing but the descriptor is needed to find it.
//
// Every source streams: what is in memory is a few buffers, whatever the blob's size. Every reader verifies digest and size
// on the way (Verify) and holds the last bytes back until they are right. A stream that a server ends too early continues
// at the same offset, so a receiver sees a whole blob or an error, never other bytes.
//
// Errors come in four kinds: a blob that is absent (fs.ErrNotExist), one that is wrong (CorruptError), a server that cannot be
// used at all (EndpointError), and all others, which concern one blob. Chain acts on the difference.
//
// The package writes nothing, neither to caches nor to disk.
package source

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Blobs opens content by digest. Implementations are safe for concurrent use.
type Blobs interface {
	// Open returns the blob's bytes from its start. The reader fails at its end when the bytes do not have the
	// blob's digest and size. A blob that is not there is an error that wraps fs.ErrNotExist. Cancelling ctx ends a
	// read that waits.
	Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error)
}

// hexOf returns the digest without its algorithm, which caches and image layouts make a path of.
func hexOf(blob plan.Blob) (string, error) {
	hex, ok := strings.CutPrefix(blob.Digest, "sha256:")
	if match, _ := regexp.MatchString("^[0-9a-f]{64}$", hex); !ok || !match {
		return "", fmt.Errorf("opening blob %q: not a SHA-256 digest", blob.Digest)
	}
	return hex, nil
}
