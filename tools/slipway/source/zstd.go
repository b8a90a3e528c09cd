package source

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// largestWindow is the memory that a compressed blob may ask for; zstd's levels up to 19 need 8 MiB.
const largestWindow = 32 << 20

// decompress reads zstd. Closing the reader does not close r.
func decompress(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(largestWindow))
	if err != nil {
		return nil, fmt.Errorf("reading zstd: %w", err)
	}
	return &decompressor{d}, nil
}

type decompressor struct{ decoder *zstd.Decoder }

// Read implements io.Reader. A stream that ends inside of a frame may be whole another time; one that is no zstd stays so.
func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.decoder.Read(p)
	var f *failure
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.As(err, &f):
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = &failure{err: errors.New("the compressed stream ended too early"), transient: true}
	default:
		err = fmt.Errorf("reading zstd: %w", err)
	}
	return n, err
}

// Close implements io.Closer.
func (d *decompressor) Close() error {
	d.decoder.Close()
	return nil
}
