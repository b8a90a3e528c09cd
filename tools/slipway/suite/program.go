package suite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// compressed is how the name of a binary ends that is unpacked to be run.
const compressed = ".zst"

// IsCompressed is true for a binary that Run unpacks into a temporary file.
func IsCompressed(binary string) bool { return strings.HasSuffix(binary, compressed) }

// unpack returns the path of the program that a binary is, and what removes it once it has been started.
func unpack(binary string) (path string, remove func(), err error) {
	if !IsCompressed(binary) {
		return binary, func() {}, nil
	}
	source, err := os.Open(binary)
	if err != nil {
		return "", nil, err
	}
	defer source.Close()
	decoder, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return "", nil, err
	}
	defer decoder.Close()
	// A process that another suite starts meanwhile would hold the file open for writing until its exec, and a file that
	// is open for writing cannot be executed (https://go.dev/issue/22315).
	syscall.ForkLock.RLock()
	path, err = write(decoder)
	syscall.ForkLock.RUnlock()
	if err != nil {
		return "", nil, fmt.Errorf("unpacking: %w", err)
	}
	return path, func() { _ = os.Remove(path) }, nil
}

func write(content io.Reader) (path string, err error) {
	file, err := os.CreateTemp("", "slipway-test-")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, content)
	if err = errors.Join(err, file.Chmod(0o700), file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}
