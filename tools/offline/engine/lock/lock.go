// Package lock keeps two calls of the tool set out of one folder at a time.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Acquire waits for the lock of dir, which is made when missing, and returns its
// release. The lock is the file "lock" in dir; it ends with the process that holds it.
func Acquire(ctx context.Context, dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder %q: %w", dir, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	if err := wait(ctx, file); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %q: %w", dir, err)
	}
	return func() { file.Close() }, nil
}

// wait polls: a blocking flock would not end with the context.
func wait(ctx context.Context, file *os.File) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}
