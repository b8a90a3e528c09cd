package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	reapi "github.com/buchgr/bazel-remote/v2/genproto/build/bazel/remote/execution/v2"
)

// agree asks the server once what it can, and returns whether blobs are to come compressed. Who waits for the answer to
// somebody else's question waits by its own context.
func (f *reapiFetcher) agree(ctx context.Context, headers []Header) (compressed bool, err error) {
	select {
	case f.busy <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-f.busy }()
	if f.offered == nil {
		answer, err := reapi.NewCapabilitiesClient(f.conn).GetCapabilities(ctx, &reapi.GetCapabilitiesRequest{InstanceName: f.instance})
		if err != nil {
			return false, f.unanswered(err, headers)
		}
		if err := usable(answer.GetCacheCapabilities()); err != nil {
			return false, &failure{err: err, endpoint: true}
		}
		f.offered = answer.GetCacheCapabilities()
	}
	return f.zstd && slices.Contains(f.offered.GetSupportedCompressors(), reapi.Compressor_ZSTD), nil
}

// unanswered is a question without an answer: no blob of the instance would have a better one.
func (f *reapiFetcher) unanswered(err error, headers []Header) error {
	cause := failureOf(f.failed(err, headers))
	if errors.Is(cause, fs.ErrNotExist) { // of the instance, not of a blob
		cause = &failure{err: errors.New("it is not there")}
	}
	return &failure{err: fmt.Errorf("asking for its capabilities%s: %w", f.ofInstance(), cause), endpoint: true, transient: cause.transient}
}

func (f *reapiFetcher) ofInstance() string {
	if f.instance == "" {
		return ""
	}
	return fmt.Sprintf(" of instance %q", f.instance)
}

// usable holds the server against what an image needs: its layers' digests are SHA-256.
func usable(c *reapi.CacheCapabilities) error {
	if c == nil {
		return errors.New("it has no cache")
	}
	var names []string
	for _, function := range c.GetDigestFunctions() {
		if function == reapi.DigestFunction_SHA256 {
			return nil
		}
		names = append(names, function.String())
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	return fmt.Errorf("its digest function is %s; images need SHA256", strings.Join(names, ", "))
}
