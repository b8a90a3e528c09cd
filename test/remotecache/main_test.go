package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/test/remotecache/second"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		usage second.Usage
		want  string
	}{
		"as it should be":        {second.Usage{Known: 2, Parts: map[string]int64{second.Outputs: limit, second.External: 10 * limit}}, ""},
		"nothing was looked for": {second.Usage{}, "the output base has no image descriptor, so no layer could be recognised"},
		"layers": {
			second.Usage{Known: 1, Layers: []second.Layer{{Path: "a/layer.tar", Bytes: 1_500_000}, {Path: "b", Bytes: 2}}},
			"a/layer.tar is a layer of 1.5 MB\nb is a layer of 2 B",
		},
		"too much": {
			second.Usage{Known: 1, Parts: map[string]int64{second.Actions: limit, second.Other: 1_000_000}},
			"121.0 MB are new on the disk beyond other modules' files, at most 120.0 MB may be",
		},
	} {
		got := ""
		if err := check(c.usage); err != nil {
			got = err.Error()
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestRow(t *testing.T) {
	u := second.Usage{Parts: map[string]int64{second.Outputs: 40_000_000, second.External: 100_000_000, second.Server: 2_000}}
	want := "| gRPC | 61 s | 0 B | 40.0 MB | 40.0 MB | 100.0 MB | 0 B | 2.0 kB | 0 B |\n"
	if d := cmp.Diff(want, row("gRPC", u, 61*time.Second)); d != "" {
		t.Errorf("row (-want +got):\n%s", d)
	}
}
