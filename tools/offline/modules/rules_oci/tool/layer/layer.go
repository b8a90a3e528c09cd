// Package layer computes what an image needs to know of a layer file: size, digest, compression and the digest of the
// uncompressed tar (the "diff ID").
//
// The file is read once. Compression is recognised by content, never by name. A file that looks compressed but cannot
// be decompressed is an error, so that no image is made that a runtime would refuse.
package layer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Descriptor is what one action computes per layer, and what every image with that layer reads.
type Descriptor struct {
	Digest      string `json:"digest"`      // of the file's bytes
	DiffID      string `json:"diffid"`      // of the uncompressed tar
	Compression string `json:"compression"` // "", "gzip" or "zstd"
	Size        int64  `json:"size"`        // bytes of the file
	Label       string `json:"label"`       // of the target that made the file
}

// Describe reads the layer at path. The label is only recorded.
func Describe(path, label string) (Descriptor, error) {
	file, err := os.Open(path)
	if err != nil {
		return Descriptor{}, fmt.Errorf("reading layer: %w", err)
	}
	defer file.Close()
	d, err := describe(file)
	if err != nil {
		return Descriptor{}, fmt.Errorf("reading layer %q: %w", path, err)
	}
	d.Label = label
	return d, nil
}

// Load reads a descriptor that WriteFile wrote.
func Load(path string) (Descriptor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Descriptor{}, fmt.Errorf("reading layer descriptor: %w", err)
	}
	var d Descriptor
	if err := json.Unmarshal(data, &d); err != nil {
		return Descriptor{}, fmt.Errorf("reading layer descriptor %q: %w", path, err)
	}
	return d, nil
}

// WriteFile writes the descriptor as JSON.
func (d Descriptor) WriteFile(path string) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("writing layer descriptor %q: %w", path, err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

func describe(r io.Reader) (Descriptor, error) {
	sum := sha256.New()
	counted := &counter{r: io.TeeReader(r, sum)}
	buffered := bufio.NewReaderSize(counted, 1<<20)
	magic, err := buffered.Peek(4)
	if err != nil && err != io.EOF {
		return Descriptor{}, err
	}
	d := Descriptor{Compression: compression(magic)}
	if d.DiffID, err = diffID(buffered, d.Compression); err != nil {
		return Descriptor{}, err
	}
	// A decompressor may stop before the end of the file; the digest is of all its bytes. io.Discard itself would read them
	// by 8 kB instead of by the buffer.
	if _, err := io.Copy(struct{ io.Writer }{io.Discard}, buffered); err != nil {
		return Descriptor{}, err
	}
	d.Digest, d.Size = text(sum), counted.n
	if d.Compression == "" {
		d.DiffID = d.Digest
	}
	return d, nil
}

// compression names the format that begins with magic: gzip (RFC 1952), a zstd frame or a skippable frame (RFC 8878).
func compression(magic []byte) string {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	case len(magic) == 4 && magic[0]&0xf0 == 0x50 && bytes.Equal(magic[1:], []byte{0x2a, 0x4d, 0x18}):
		return "zstd"
	}
	return ""
}

// diffID returns "" for an uncompressed layer: its digest, which is being computed anyway, is its diff ID.
func diffID(r io.Reader, compression string) (string, error) {
	var plain io.Reader
	switch compression {
	case "gzip":
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return "", fmt.Errorf("decompressing gzip: %w", err)
		}
		plain = unzipped
	case "zstd":
		// Two, so that decompression runs beside the hash; more would take processors from Bazel's other actions.
		unzipped, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxWindow(1<<31))
		if err != nil {
			return "", fmt.Errorf("decompressing zstd: %w", err)
		}
		defer unzipped.Close()
		plain = unzipped
	default:
		return "", nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, plain); err != nil {
		return "", fmt.Errorf("decompressing %s: %w", compression, err)
	}
	return text(sum), nil
}

func text(sum hash.Hash) string { return "sha256:" + hex.EncodeToString(sum.Sum(nil)) }

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
