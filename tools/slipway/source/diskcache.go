package source

import (
	"context"
	"io"
	"path/filepath"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// DiskCache opens blobs of the folder that Bazel's --disk_cache names
// (https://bazel.build/remote/caching#disk-cache): cas/<first two digits>/<SHA-256>. Bazel may collect garbage meanwhile: a
// blob that is open stays readable. The folder may be absent, as it is before the first build.
type DiskCache string

// Open implements Blobs. It fails early on a file of another size.
func (d DiskCache) Open(_ context.Context, blob plan.Blob) (io.ReadCloser, error) {
	hex, err := hexOf(blob)
	if err != nil {
		return nil, err
	}
	return openFile(filepath.Join(string(d), "cas", hex[:2], hex), blob, "disk cache")
}
