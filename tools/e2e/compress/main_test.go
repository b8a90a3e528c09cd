package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestRun(t *testing.T) {
	input, output := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	text := strings.Repeat("a test program, ", 100_000)
	if err := os.WriteFile(input, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"--input", input, "--output", output}, io.Discard); err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(output)
	if err != nil || len(packed) > len(text)/10 {
		t.Fatalf("%d bytes, error %v", len(packed), err)
	}
	decoder, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	if got, err := io.ReadAll(decoder); err != nil || string(got) != text {
		t.Errorf("%d bytes come back, error %v; want %d", len(got), err, len(text))
	}
}

func TestRunRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, args := range [][]string{{}, {"--input", "x"}, {"--output", "x"}, {"--input", missing, "--output", missing}, {"--input", "x", "--output", "y", "z"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
