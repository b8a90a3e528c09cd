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

// IsCompressed is true for a binary that Run unpacks.
func IsCompressed(binary string) bool { return strings.HasSuffix(binary, compressed) }

// unpack returns the path of the program that a binary is, and what removes it once it has been started. It is unpacked into
// memory where the system can run a program from there, so that no disk holds it.
func unpack(binary string) (path string, remove func(), err error) {
	if !IsCompressed(binary) {
		return binary, func() {}, nil
	}
	if file, err := inMemory(); err == nil {
		if err := decompress(file, binary); err != nil {
			return "", nil, errors.Join(err, file.Close())
		}
		return fmt.Sprintf("/proc/self/fd/%d", file.Fd()), func() { _ = file.Close() }, nil
	}
	return onDisk(binary)
}

func decompress(to io.Writer, binary string) error {
	source, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer source.Close()
	decoder, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decoder.Close()
	if _, err := io.Copy(to, decoder); err != nil {
		return fmt.Errorf("unpacking: %w", err)
	}
	return nil
}

// onDisk unpacks into a temporary file.
func onDisk(binary string) (path string, remove func(), err error) {
	// A process that another suite starts meanwhile would hold the file open for writing until its exec, and a file that
	// is open for writing cannot be executed (https://go.dev/issue/22315).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	file, err := os.CreateTemp("", "slipway-test-")
	if err != nil {
		return "", nil, fmt.Errorf("unpacking: %w", err)
	}
	err = decompress(file, binary)
	if err = errors.Join(err, file.Chmod(0o700), file.Close()); err != nil {
		return "", nil, errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), func() { _ = os.Remove(file.Name()) }, nil
}
