package format

import (
	"bytes"
	"flag"
	goformat "go/format"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/buildtools/build"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files instead of comparing them")

func TestCheckout(t *testing.T) {
	top := checkout(t)
	files := 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		write := formatter(d)
		if write == nil {
			return nil
		}
		files++
		short, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		t.Run(short, func(t *testing.T) { check(t, path, short, write) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("%d files below %s, want the whole checkout", files, top)
	}
}

// checkout follows the declared MODULE.bazel to the folder that it links into.
func checkout(t *testing.T) string {
	module, err := filepath.EvalSymlinks(filepath.Join("..", "..", "MODULE.bazel"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(module)
}

type formatFunc func(name string, data []byte) ([]byte, error)

// formatter returns what writes a file of d's name, nil for files that have no fixed form.
func formatter(d fs.DirEntry) formatFunc {
	switch {
	case !d.Type().IsRegular():
		return nil
	case filepath.Ext(d.Name()) == ".go":
		return func(_ string, data []byte) ([]byte, error) { return goformat.Source(data) }
	case strings.HasSuffix(d.Name(), ".bazel"), filepath.Ext(d.Name()) == ".bzl":
		return buildifier
	}
	return nil
}

func buildifier(name string, data []byte) ([]byte, error) {
	file, err := build.Parse(name, data)
	if err != nil {
		return nil, err
	}
	return build.Format(file), nil
}

func check(t *testing.T, path, short string, write formatFunc) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := write(short, data)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(data, want) {
		return
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("not formatted (-is +should be); go test ./tools/format -update writes it:\n%s", cmp.Diff(string(data), string(want)))
}
