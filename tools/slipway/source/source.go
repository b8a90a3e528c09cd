// Package source opens image blobs by digest, wherever they are.
package source

import (
	"context"
	"io"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Blobs opens content by digest. Implementations are safe for concurrent use.
type Blobs interface {
	// Open returns the blob's bytes from its start. The reader fails at its end when the bytes do not have the
	// blob's digest and size. A blob that is not there is an error that wraps fs.ErrNotExist.
	Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error)
}
