package suite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	"github.com/kubernaut/kubernaut/tools/slipway/suite"
)

// packed is the configuration with its binary compressed, and a folder for what is unpacked.
func packed(t *testing.T, c suite.Config, damage func([]byte) []byte) suite.Config {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	data, err := os.ReadFile(c.Binary)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	c.Binary = filepath.Join(t.TempDir(), "suite.test.zst")
	if err := os.WriteFile(c.Binary, damage(encoder.EncodeAll(data, nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files left in the temporary folder, error %v", len(left), err)
	}
}

// Many at once: a file that another start holds open for writing cannot be executed.
func TestRunUnpacks(t *testing.T) {
	c := packed(t, config(t, "pass", "TestHelperPass"), bytes.Clone)
	c.GracePeriod = time.Minute // a start holds the others' pipes until its exec
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if result, err := suite.Run(t.Context(), c); err != nil || result.Passed != 1 {
				t.Errorf("%+v, error %v", result, err)
			}
		})
	}
	all.Wait()
	wantEmpty(t, os.Getenv("TMPDIR"))
}

func TestRunRefusesDamagedBinary(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off": func(data []byte) []byte { return data[:len(data)/2] },
		"no zstd": func([]byte) []byte { return []byte("#!/bin/sh\n") },
	} {
		t.Run(name, func(t *testing.T) {
			c := packed(t, config(t, "pass", "TestHelperPass"), damage)
			_, err := suite.Run(t.Context(), c)
			checkError(t, err, fault.Delivery, `suite.test.zst": unpacking: `)
			wantEmpty(t, os.Getenv("TMPDIR"))
		})
	}
}
