package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFill(t *testing.T) {
	dir := t.TempDir()
	fill := func(status string) string {
		in, out := filepath.Join(dir, "status"), filepath.Join(dir, "out")
		if err := os.WriteFile(in, []byte(status), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run([]string{out, "1000", in}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	a, b := fill("BUILD_EMBED_LABEL a\nBUILD_HOST h\n"), fill("BUILD_EMBED_LABEL b\nBUILD_HOST h\n")
	if a == b {
		t.Error("the bytes do not follow the label")
	}
	if len(a) != 1000 || a != fill("BUILD_HOST other\nBUILD_EMBED_LABEL a\n") {
		t.Error("something but the label counts")
	}
}

func TestFillErrors(t *testing.T) {
	for _, args := range [][]string{nil, {"o", "many", "s"}, {"o", "1", filepath.Join(t.TempDir(), "absent")}} {
		if run(args) == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
