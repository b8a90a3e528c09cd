// Package disk measures what a run takes of the machine's disks.
//
// Two measures, because each alone misleads. The free space of the file systems (Gauge) is exact, costs microseconds, and so
// gives the peak; but it holds everything that anybody writes there meanwhile. The size of a folder (Size, Walker) says who
// took it; but it takes a walk of the tree, so it is looked at seldom.
//
// A walk counts blocks, not lengths, each hard link once, and does not enter other file systems: what lies below a mount
// belongs to another folder. A Walker looks at a folder again only when ten times its last walk has passed, and all walks
// together take at most a tenth of the time; only the first walk of each folder is exempt. Measured with all in the
// kernel's cache: 3 to 5 µs a file, 0.2 s for an output base of 51 000 files, 0.06 s for an engine's storage of 15 000.
//
// A folder that cannot be read has a reason in place of a size, never 0.
//
// Non-goals: quotas, space that a deleted but open file still holds (free space shows it), per-process accounts.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Interval is the time between two looks at the free space.
const Interval = 250 * time.Millisecond

// Space is what a file system tells of itself, in bytes.
type Space struct {
	Device uint64 // tells file systems apart
	Total  int64
	Free   int64 // that a program without privileges may take
}

// Statfs asks the file system that holds path, or the nearest folder above it that exists
// (https://man7.org/linux/man-pages/man2/statfs.2.html).
func Statfs(path string) (Space, error) {
	info, err := os.Stat(path)
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	if err != nil {
		return Space{}, fmt.Errorf("finding the file system: %w", err)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Space{}, fmt.Errorf("asking the file system of %q: %w", path, err)
	}
	space := Space{Total: int64(s.Blocks) * int64(s.Bsize), Free: int64(s.Bavail) * int64(s.Bsize)}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		space.Device = uint64(stat.Dev)
	}
	return space, nil
}

// Volume is one file system of a Gauge. All bytes are free ones but Total.
type Volume struct {
	Path   string // by which it was first asked for
	Total  int64
	Start  int64
	Lowest int64 // of all looks
	End    int64 // at the last look
	device uint64
}

// Gauge adds up what has been taken of several file systems since its start. It is safe for concurrent use.
type Gauge struct {
	statfs func(string) (Space, error)

	mu      sync.Mutex
	volumes []Volume
}

// NewGauge returns a Gauge of no file system. statfs is Statfs when nil.
func NewGauge(statfs func(string) (Space, error)) *Gauge {
	if statfs == nil {
		statfs = Statfs
	}
	return &Gauge{statfs: statfs}
}

// Add watches the file system that holds path, unless that is watched already. start is what was free there when the count
// begins; a negative one is what is free now.
func (g *Gauge) Add(path string, start int64) error {
	space, err := g.statfs(path)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.volumes {
		if v.device == space.Device {
			return nil
		}
	}
	if start < 0 {
		start = space.Free
	}
	g.volumes = append(g.volumes, Volume{
		Path: path, Total: space.Total, Start: start, Lowest: min(start, space.Free), End: space.Free, device: space.Device,
	})
	return nil
}

// Look returns the bytes taken since the start, of all file systems together; negative when more was freed. A file system that
// does not answer counts as at its last answer.
func (g *Gauge) Look() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var taken int64
	for i := range g.volumes {
		v := &g.volumes[i]
		if space, err := g.statfs(v.Path); err == nil && space.Device == v.device {
			v.End, v.Lowest = space.Free, min(v.Lowest, space.Free)
		}
		taken += v.Start - v.End
	}
	return taken
}

// Volumes returns the file systems in the order in which they were added.
func (g *Gauge) Volumes() []Volume {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Volume{}, g.volumes...)
}

// Watch calls see with what g sees, at once and then at every tick, one call at a time, until the function that it returns is
// called. That one looks a last time before it returns.
func Watch(g *Gauge, tick <-chan time.Time, see func(taken int64)) (stop func()) {
	see(g.Look())
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-tick:
				see(g.Look())
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		see(g.Look())
	}
}

// checkEvery is after how many entries a walk looks whether it should end.
const checkEvery = 256

type inode struct{ device, number uint64 }

// Size returns the bytes that the files below dir occupy. What disappears while it walks counts as nothing; a folder that may
// not be read is an error, because its size is not known.
func Size(ctx context.Context, dir string) (int64, error) {
	root, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	own, ok := root.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("measuring %q: this system tells no blocks", dir)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // WalkDir does not follow a link
		return 0, err
	}
	var total int64
	seen, entries := map[inode]bool{}, 0
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if entries++; entries%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return gone(err)
		}
		info, err := entry.Info()
		if err != nil {
			return gone(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		if stat.Dev != own.Dev {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if key := (inode{uint64(stat.Dev), stat.Ino}); !entry.IsDir() && stat.Nlink > 1 {
			if seen[key] {
				return nil
			}
			seen[key] = true
		}
		total += stat.Blocks * 512
		return nil
	})
	return total, err
}

// gone drops the error of what was deleted between its listing and the look at it.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
