package disk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kubernaut/kubernaut/tools/slipway/disk"
)

// machine is two file systems, "/a…" and "/b…".
type machine map[string]int64

func (m machine) statfs(path string) (disk.Space, error) {
	free, ok := m[path[:2]]
	if !ok {
		return disk.Space{}, errors.New("gone")
	}
	return disk.Space{Device: uint64(path[1]), Total: 1000, Free: free}, nil
}

func TestGauge(t *testing.T) {
	m := machine{"/a": 500, "/b": 300}
	g := disk.NewGauge(m.statfs)
	for path, start := range map[string]int64{"/a/x": 600, "/b/y": -1} {
		if err := g.Add(path, start); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Add("/a/again", 0); err != nil {
		t.Fatal(err)
	}
	if err := g.Add("/c", -1); err == nil {
		t.Error("adding a path without a file system succeeded")
	}
	var got []int64
	look := func() { got = append(got, g.Look()) }
	look()
	m["/a"], m["/b"] = 400, 200
	look()
	delete(m, "/b") // an unmounted file system keeps its last answer
	m["/a"] = 650
	look()
	if want := []int64{100, 300, 50}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	volumes := g.Volumes()
	slices.SortFunc(volumes, func(a, b disk.Volume) int { return int(b.Start - a.Start) })
	want := []disk.Volume{{Path: "/a/x", Total: 1000, Start: 600, Lowest: 400, End: 650}, {Path: "/b/y", Total: 1000, Start: 300, Lowest: 200, End: 200}}
	if d := cmp.Diff(want, volumes, cmpopts.IgnoreUnexported(disk.Volume{})); d != "" {
		t.Errorf("volumes (-want +got):\n%s", d)
	}
}

func TestWatchLooksAtOnceAtEveryTickAndAtTheEnd(t *testing.T) {
	m := machine{"/a": 500}
	g := disk.NewGauge(m.statfs)
	if err := g.Add("/a", -1); err != nil {
		t.Fatal(err)
	}
	tick, seen := make(chan time.Time), make(chan int64, 1)
	stop := disk.Watch(g, tick, func(taken int64) { seen <- taken })
	got := []int64{<-seen}
	m["/a"] = 400
	tick <- time.Time{}
	got = append(got, <-seen)
	m["/a"] = 450
	stop()
	got = append(got, <-seen)
	if want := []int64{0, 100, 50}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestStatfs(t *testing.T) {
	dir := t.TempDir()
	here, err := disk.Statfs(dir)
	if err != nil || here.Free <= 0 || here.Total < here.Free {
		t.Fatalf("got %+v, %v", here, err)
	}
	below, err := disk.Statfs(filepath.Join(dir, "not", "there"))
	if err != nil || below.Device != here.Device {
		t.Errorf("below a missing folder: got %+v, %v, want device %d", below, err, here.Device)
	}
}

func TestSize(t *testing.T) {
	dir := t.TempDir()
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i * 7)
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "one"), content, 0o644),
		os.Link(filepath.Join(dir, "one"), filepath.Join(dir, "link")),
		os.Symlink("one", filepath.Join(dir, "symlink")),
		os.Mkdir(filepath.Join(dir, "folder"), 0o755),
		os.WriteFile(filepath.Join(dir, "folder", "two"), content, 0o644),
		os.Symlink(dir, dir+".link"),
	); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, dir + ".link"} {
		got, err := disk.Size(t.Context(), path)
		if low, high := int64(2<<20), int64(2<<20+64<<10); err != nil || got < low || got > high {
			t.Errorf("Size(%q) = %d, %v, want %d to %d", path, got, err, low, high)
		}
	}
	if _, err := disk.Size(t.Context(), filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: got %v", err)
	}
}

// A mount inside the folder is measured where it belongs. The mount is in a namespace of the test's own thread.
func TestSizeStaysOnItsFileSystem(t *testing.T) {
	dir := t.TempDir()
	mounted := filepath.Join(dir, "mounted")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	var size int64
	go func() {
		runtime.LockOSThread() // never unlocked: the thread, and with it the mount, ends with the goroutine
		err := syscall.Unshare(syscall.CLONE_NEWNS)
		err = errors.Join(err, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), syscall.Mount("none", mounted, "tmpfs", 0, ""))
		if err == nil {
			err = os.WriteFile(filepath.Join(mounted, "file"), make([]byte, 1<<20), 0o644)
			var failed error
			size, failed = disk.Size(t.Context(), dir)
			err = errors.Join(err, failed)
		}
		done <- err
	}()
	if err := <-done; errors.Is(err, os.ErrPermission) {
		t.Skipf("THE BORDER OF A FILE SYSTEM IS NOT TESTED ON THIS MACHINE: mounting takes privileges: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	if size >= 1<<20 {
		t.Errorf("got %d bytes, want those outside of the mount alone", size)
	}
}

// clockwork is a clock that a folder's walk moves on.
type clockwork struct{ at time.Time }

func (c *clockwork) now() time.Time { return c.at }

func (c *clockwork) folder(name string, cost time.Duration, sizes ...int64) disk.Folder {
	return disk.Folder{Name: name, Path: "/" + name, Size: func(context.Context) (int64, error) {
		c.at = c.at.Add(cost)
		if len(sizes) == 0 {
			return 0, errors.New("not readable")
		}
		size := sizes[0]
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		return size, nil
	}}
}

func TestWalker(t *testing.T) {
	c := &clockwork{time.Unix(1000, 0)}
	w := disk.NewWalker(c.now)
	w.Add(c.folder("a", 100*time.Millisecond, 10, 40, 20))
	w.Add(c.folder("a", time.Hour, 1)) // the name is taken
	w.Add(c.folder("b", time.Millisecond))
	still := c.folder("c", time.Millisecond, 7, 8)
	still.Still = true
	w.Add(still)
	for range 3 {
		w.Round(t.Context(), disk.Due)
		c.at = c.at.Add(5 * time.Second)
	}
	got := w.Growths()
	for i := range got {
		got[i].Size = nil
	}
	at := func(bytes int64, ms int) *disk.Reading {
		return &disk.Reading{Bytes: bytes, At: time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond)}
	}
	want := []disk.Growth{
		{Folder: disk.Folder{Name: "a", Path: "/a"}, Start: at(10, 100), Peak: at(40, 5202), End: at(20, 10303), Looks: 3, Cost: 300 * time.Millisecond},
		{Folder: disk.Folder{Name: "b", Path: "/b"}, Cost: 3 * time.Millisecond, Reason: "not readable"},
		{Folder: disk.Folder{Name: "c", Path: "/c", Still: true}, Start: at(7, 102), Peak: at(7, 102), End: at(7, 102), Looks: 1, Cost: time.Millisecond},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("growths (-want +got):\n%s", d)
	}
	if got[0].Grown() != 10 || got[1].Grown() != 0 {
		t.Errorf("grown %d and %d, want 10 and 0", got[0].Grown(), got[1].Grown())
	}
}

// A tree that takes long to walk is looked at seldom, however often it is asked for, and also at the end.
func TestWalkerKeepsToItsShareOfTheTime(t *testing.T) {
	const cost = 3 * time.Second
	c := &clockwork{time.Unix(1000, 0)}
	w := disk.NewWalker(c.now)
	w.Add(c.folder("big", cost, 1))
	begin := c.at
	for c.at.Sub(begin) < 10*time.Minute {
		w.Round(t.Context(), disk.Due)
		w.Round(t.Context(), disk.Affordable)
		c.at = c.at.Add(500 * time.Millisecond)
	}
	g := w.Growths()[0]
	if share := (g.Cost - cost).Seconds() / c.at.Sub(begin).Seconds(); share > 0.1 || g.Looks < 15 {
		t.Errorf("got %d looks that took %.3f of the time, want at least 15 and at most 0.1", g.Looks, share)
	}
}

func TestWalkerSettles(t *testing.T) {
	c := &clockwork{time.Unix(1000, 0)}
	w := disk.NewWalker(c.now)
	w.Add(c.folder("node", time.Millisecond, 5, 6))
	w.Round(t.Context(), disk.Due)
	w.Settle("node")
	c.at = c.at.Add(time.Hour)
	w.Round(t.Context(), disk.Affordable)
	if got := w.Growths()[0]; got.Looks != 1 || got.End.Bytes != 5 {
		t.Errorf("got %d looks, the last of %d bytes, want 1 of 5", got.Looks, got.End.Bytes)
	}
}

// What was measured before is the start, and also of a folder where nothing writes any more one walk is made.
func TestWalkerGoesOnFromAnEarlierReading(t *testing.T) {
	c := &clockwork{time.Unix(1000, 0)}
	w := disk.NewWalker(c.now)
	folder := c.folder("out", time.Millisecond, 9)
	folder.Still, folder.First = true, &disk.Reading{Bytes: 4, At: time.Unix(900, 0)}
	w.Add(folder)
	for range 2 {
		w.Round(t.Context(), disk.Due)
		c.at = c.at.Add(time.Hour)
	}
	if g := w.Growths()[0]; g.Start.Bytes != 4 || g.Peak.Bytes != 9 || g.Grown() != 5 || g.Looks != 1 {
		t.Errorf("got start %v, peak %v, %d grown, %d looks; want 4, 9, 5, 1", g.Start, g.Peak, g.Grown(), g.Looks)
	}
}

// A walk that is cut off says nothing about the folder.
func TestWalkerDropsAWalkThatWasCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := disk.NewWalker(nil)
	w.Add(disk.Folder{Name: "a", Size: func(context.Context) (int64, error) { cancel(); return 3, nil }})
	w.Run(ctx)
	if got := w.Growths()[0]; got.End != nil || got.Reason != "" {
		t.Errorf("got %+v, want no reading", got)
	}
}
