// Package watch looks at the machine's disks while the set-up and Bazel run, and leaves what it saw to the program that
// `bazel run` starts: one JSON file, which tools/slipway/cli (type before) reads. That program starts when both are over, and its
// ledger would begin without them.
//
// Twice a second it asks the file systems for their free space, and the kernel for what went through the interfaces of the
// default route: microseconds. Folders are measured once, before Bazel writes into them, by a walk that rests nine times as long
// as it works; one that is not finished when Bazel is, is not reported.
//
// A watch is no reason to fail: what it cannot see it leaves out.
package watch

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	interval = 500 * time.Millisecond
	// most samples in the file; a longer watch keeps the lower one of every two.
	most = 480
)

// Phase is one of "set-up" and "build". Times are milliseconds since 1970.
type Phase struct {
	Name  string `json:"name"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
}

// Sample is one look. Free is by path, in bytes; In and Out count from the first sample on.
type Sample struct {
	At   int64   `json:"at"`
	Free []int64 `json:"free"`
	In   int64   `json:"in"`
	Out  int64   `json:"out"`
}

// Folder is a tree as it was before the build; At is 0 when it was not measured.
type Folder struct {
	Name  string `json:"name"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	At    int64  `json:"at"`
}

// Record is what the file holds.
type Record struct {
	Version int      `json:"version"`
	Paths   []string `json:"paths"` // one on each file system
	Phases  []Phase  `json:"phases"`
	Samples []Sample `json:"samples"`
	Folders []Folder `json:"folders"`
}

// Watch is one that is running. Its methods are for one goroutine.
type Watch struct {
	mu      sync.Mutex
	record  Record
	devices []string
	in, out int64
	stop    context.CancelFunc
	group   sync.WaitGroup
}

// Start begins with the phase, at the time that the caller of this program noted (zero: now). Paths of one file system count once.
func Start(phase string, began time.Time, paths ...string) *Watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watch{stop: cancel, devices: uplinks()}
	w.record = Record{Version: 1, Paths: distinct(paths), Phases: []Phase{}, Folders: []Folder{}}
	w.in, w.out = carried(w.devices)
	w.look()
	w.group.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				w.look()
			}
		}
	})
	start := time.Now()
	if !began.IsZero() && began.Before(start) {
		start = began
	}
	w.record.Phases = append(w.record.Phases, Phase{Name: phase, Start: start.UnixMilli()})
	return w
}

// Next ends the phase and begins another.
func (w *Watch) Next(phase string) {
	w.look()
	now := time.Now().UnixMilli()
	w.record.Phases[len(w.record.Phases)-1].End = now
	w.record.Phases = append(w.record.Phases, Phase{Name: phase, Start: now})
}

// Measure walks the folder meanwhile. One that does not exist has 0 bytes.
func (w *Watch) Measure(ctx context.Context, name, path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(w.record.Folders)
	w.record.Folders = append(w.record.Folders, Folder{Name: name, Path: path})
	ctx, cancel := context.WithCancel(ctx)
	stop := w.stop
	w.stop = func() { cancel(); stop() }
	w.group.Go(func() {
		bytes, err := size(ctx, path)
		if err != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.record.Folders[i].Bytes, w.record.Folders[i].At = bytes, time.Now().UnixMilli()
	})
}

// Finish ends the watch and writes the file.
func (w *Watch) Finish(file string) error {
	w.stop()
	w.group.Wait()
	w.look()
	w.record.Phases[len(w.record.Phases)-1].End = time.Now().UnixMilli()
	data, err := json.Marshal(w.record)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

func (w *Watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	in, out := carried(w.devices)
	s := Sample{At: time.Now().UnixMilli(), In: in - w.in, Out: out - w.out}
	for _, path := range w.record.Paths {
		bytes, err := free(path)
		if err != nil {
			return // a file system that cannot be asked is not a full one
		}
		s.Free = append(s.Free, bytes)
	}
	w.record.Samples = thin(append(w.record.Samples, s))
}

// thin keeps the first and the last sample, and of those between them the one with less free of every two.
func thin(samples []Sample) []Sample {
	if len(samples) <= most {
		return samples
	}
	last := len(samples) - 1
	kept := []Sample{samples[0]}
	for i := 1; i < last; i += 2 {
		lower := samples[i]
		if i+1 < last && sum(samples[i+1].Free) < sum(lower.Free) {
			lower = samples[i+1]
		}
		kept = append(kept, lower)
	}
	return append(kept, samples[last])
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}

func free(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// distinct keeps the first path on each file system.
func distinct(paths []string) []string {
	kept, seen := []string{}, map[uint64]bool{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && !seen[s.Dev] {
			seen[s.Dev] = true
			kept = append(kept, path)
		}
	}
	return kept
}

// uplinks are the interfaces of the IPv4 default routes.
func uplinks() (names []string) {
	data, _ := os.ReadFile("/proc/net/route")
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			names = append(names, f[0])
		}
	}
	return names
}

// carried is what the interfaces received and sent since they are there.
func carried(names []string) (in, out int64) {
	for _, name := range names {
		in += counter(name, "rx_bytes")
		out += counter(name, "tx_bytes")
	}
	return in, out
}

func counter(device, name string) int64 {
	data, _ := os.ReadFile(filepath.Join("/sys/class/net", device, "statistics", name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n
}

// work and rest: a walk takes at most a tenth of one processor.
const (
	work = 5 * time.Millisecond
	rest = 9 * work
)

// size is the bytes that the files below dir occupy, on dir's own file system and each hard link once.
func size(ctx context.Context, dir string) (int64, error) {
	root, err := os.Stat(dir)
	if os.IsNotExist(err) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	own, _ := root.Sys().(*syscall.Stat_t)
	var total int64
	links, began := map[uint64]bool{}, time.Now()
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if time.Since(began) > work {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(rest):
			}
			began = time.Now()
		}
		if err != nil {
			return skipGone(err)
		}
		info, err := entry.Info()
		if err != nil {
			return skipGone(err)
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case !ok || own == nil || s.Dev != own.Dev && entry.IsDir():
			return fs.SkipDir
		case s.Dev != own.Dev || !entry.IsDir() && s.Nlink > 1 && links[s.Ino]:
			return nil
		case !entry.IsDir() && s.Nlink > 1:
			links[s.Ino] = true
		}
		total += s.Blocks * 512
		return nil
	})
	return total, err
}

func skipGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
