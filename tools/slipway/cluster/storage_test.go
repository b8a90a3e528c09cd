package cluster

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0B": 0, "12B": 12, "1.5kB": 1500, "577.1MB": 577_100_000, "1.234GB": 1_234_000_000, "2TB": 2e12, "12": -1, "xGB": -1, "": -1} {
		got, err := parseSize(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
}

// measuredNode answers du.
type measuredNode struct {
	Node
	out string
	err error
}

func (measuredNode) Name() string { return "n" }

func (n measuredNode) Exec(context.Context, io.Reader, ...string) ([]byte, error) {
	return []byte(n.out), n.err
}

func TestNodeFolder(t *testing.T) {
	volume, broken := t.TempDir(), errors.New("no such container")
	if err := os.MkdirAll(filepath.Join(volume, "there"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(volume, "there", "f"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		node      measuredNode
		volume    string
		folder    string
		low, high int64
		err       error
	}{
		"on the host": {measuredNode{err: broken}, volume, "there", 1 << 20, 1<<20 + 8<<10, nil},
		"in the node, because the host has no such folder": {measuredNode{out: "12\t/var/missing\n"}, volume, "missing", 12 << 10, 12 << 10, nil},
		"in the node": {measuredNode{out: "0\t/var/x\n"}, "", "x", 0, 0, nil},
		"nowhere":     {measuredNode{err: broken}, "", "x", 0, 0, broken},
		"in the node, while something disappears": {
			measuredNode{out: "8\t/var/x\n", err: errors.New("exit status 1: du: cannot access '/var/x/ingest': No such file or directory")}, "", "x", 8 << 10, 8 << 10, nil},
		"cut off": {measuredNode{err: context.Canceled}, "", "x", 0, 0, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			f := nodeFolder(c.node, c.volume, "content", c.folder)
			got, err := f.Size(t.Context())
			if !errors.Is(err, c.err) || got < c.low || got > c.high {
				t.Errorf("got %d, %v, want %d to %d, %v", got, err, c.low, c.high, c.err)
			}
			if f.Name != "content of n" || f.Path != "/var/"+c.folder {
				t.Errorf("got %q, %q", f.Name, f.Path)
			}
		})
	}
}
