package bazelremote

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/buchgr/bazel-remote/v2/cache"
)

// folder is one of Bazel's disk caches (--disk_cache) behind a server that keeps blobs uncompressed, as it does. Nothing is
// written to it.
type folder string

var _ cache.Proxy = folder("")

// path is where Bazel has an entry (https://github.com/bazelbuild/bazel/blob/7.7.1/src/main/java/com/google/devtools/build/lib/remote/disk/DiskCacheClient.java).
func (f folder) path(kind cache.EntryKind, hash string) string {
	return filepath.Join(string(f), kind.String(), hash[:2], hash)
}

// Put implements cache.Proxy.
func (f folder) Put(_ context.Context, _ cache.EntryKind, _ string, _, _ int64, content io.ReadCloser) {
	_ = content.Close()
}

// Get implements cache.Proxy. No content and no error is an entry that is not there.
func (f folder) Get(_ context.Context, kind cache.EntryKind, hash string, _ int64) (io.ReadCloser, int64, error) {
	file, err := os.Open(f.path(kind, hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, -1, nil
	}
	if err != nil {
		return nil, -1, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, -1, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// Contains implements cache.Proxy.
func (f folder) Contains(_ context.Context, kind cache.EntryKind, hash string, _ int64) (bool, int64) {
	info, err := os.Stat(f.path(kind, hash))
	if err != nil {
		return false, -1
	}
	return true, info.Size()
}
