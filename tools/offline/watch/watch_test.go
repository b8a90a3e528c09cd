package watch

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRecord(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "f"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(tree, "f"), filepath.Join(tree, "link")); err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Minute).Truncate(time.Second)
	w := Start("set-up", began, dir, tree, filepath.Join(dir, "missing"))
	w.Next("build")
	w.Measure(t.Context(), "there", tree)
	w.Measure(t.Context(), "missing", filepath.Join(dir, "missing"))
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		done := w.record.Folders[0].At > 0 && w.record.Folders[1].At > 0
		w.mu.Unlock()
		if done {
			break
		}
	}
	file := filepath.Join(dir, "record.json")
	if err := w.Finish(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got Record
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || len(got.Paths) != 1 || got.Paths[0] != dir {
		t.Errorf("got version %d, paths %q", got.Version, got.Paths)
	}
	if p := got.Phases; len(p) != 2 || p[0].Start != began.UnixMilli() || p[0].End != p[1].Start || p[1].End < p[1].Start {
		t.Errorf("got phases %+v", p)
	}
	if len(got.Samples) < 3 || got.Samples[0].Free[0] <= 0 {
		t.Errorf("got samples %+v", got.Samples)
	}
	if f := got.Folders; len(f) != 2 || f[0].Bytes < 1<<20 || f[0].Bytes > 1<<20+1<<16 || f[1].Bytes != 0 || f[1].At == 0 {
		t.Errorf("got folders %+v", f)
	}
}

// A walk that Bazel's end cuts off says nothing.
func TestMeasureCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := Start("build", time.Time{}, "/")
	w.Measure(ctx, "all", "/usr")
	if err := w.Finish(filepath.Join(t.TempDir(), "f")); err != nil {
		t.Fatal(err)
	}
	if f := w.record.Folders[0]; f.At != 0 || f.Bytes != 0 {
		t.Errorf("got %+v, want nothing measured", f)
	}
}

// A folder that is gone has no free space to tell; a sample of 0 would be a full disk, the worst of the run.
func TestLookLeavesOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := Start("build", time.Time{}, dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	w.look()
	if err := w.Finish(filepath.Join(t.TempDir(), "f")); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.record.Samples {
		if len(s.Free) != 1 || s.Free[0] == 0 {
			t.Errorf("got %+v", s)
		}
	}
}

func TestThinKeepsTheLowest(t *testing.T) {
	var samples []Sample
	for i := range most + 1 {
		samples = append(samples, Sample{At: int64(i), Free: []int64{int64(1000 - i%7)}})
	}
	samples[300].Free[0] = 1
	got := thin(samples)
	lowest := got[0]
	for _, s := range got {
		if s.Free[0] < lowest.Free[0] {
			lowest = s
		}
	}
	if lowest.At != 300 || got[0].At != 0 || got[len(got)-1].At != most || len(got) > most/2+2 {
		t.Errorf("got %d samples from %d to %d, the lowest at %d", len(got), got[0].At, got[len(got)-1].At, lowest.At)
	}
}
