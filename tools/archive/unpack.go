package archive

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Unpack reads a layer as the tar archive that it is, and tells whether it is compressed. It follows the media type's suffix:
// https://github.com/opencontainers/image-spec/blob/main/media-types.md.
func Unpack(mediaType string, content io.Reader) (unpacked io.ReadCloser, compressed bool, err error) {
	switch {
	case strings.HasSuffix(mediaType, ".tar"):
		return io.NopCloser(content), false, nil
	case strings.HasSuffix(mediaType, "gzip"):
		unpacked, err = gzip.NewReader(content)
		return unpacked, true, err
	case strings.HasSuffix(mediaType, "zstd"):
		decoder, err := zstd.NewReader(content)
		if err != nil {
			return nil, true, err
		}
		return decoder.IOReadCloser(), true, nil
	}
	return nil, false, fmt.Errorf("media type %q is neither a tar archive nor one through gzip or zstd", mediaType)
}
