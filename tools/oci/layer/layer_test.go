package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

type member struct {
	Name       string
	Type       byte
	Mode       int64
	UID, GID   int
	User       string
	Time       int64
	Content    string
	Extensions int
}

func members(t *testing.T, archive string) []member {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer unpacked.Close()
	var got []member
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, member{
			h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Uname + h.Gname, h.ModTime.Unix(), string(content), len(h.PAXRecords),
		})
	}
}

func write(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeZip(t *testing.T, path string, names ...string) string {
	t.Helper()
	var data bytes.Buffer
	w := zip.NewWriter(&data)
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Modified: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if _, err := io.WriteString(f, "zone "+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, path, data.String(), 0o600)
}

func TestLayer(t *testing.T) {
	dir := t.TempDir()
	binary := write(t, filepath.Join(dir, "binary"), "program", 0o700)
	output := filepath.Join(dir, "layer.tar")
	err := run([]string{
		"--output=" + output, "--file=/gateway:0755=" + binary, "--dir=/tmp:1777", "--dir=/home/nonroot:0700:65532",
		"--zip=/usr/share/zoneinfo=" + writeZip(t, filepath.Join(dir, "z.zip"), "Europe/", "Europe/Berlin", "UTC"),
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	folder := func(name string) member { return member{Name: name, Type: tar.TypeDir, Mode: 0o755} }
	file := func(name, content string, mode int64) member {
		return member{Name: name, Type: tar.TypeReg, Mode: mode, Content: content}
	}
	want := []member{
		file("gateway", "program", 0o755),
		folder("home/"),
		{Name: "home/nonroot/", Type: tar.TypeDir, Mode: 0o700, UID: 65532, GID: 65532},
		{Name: "tmp/", Type: tar.TypeDir, Mode: 0o1777},
		folder("usr/"), folder("usr/share/"), folder("usr/share/zoneinfo/"), folder("usr/share/zoneinfo/Europe/"),
		file("usr/share/zoneinfo/Europe/Berlin", "zone Europe/Berlin", 0o644),
		file("usr/share/zoneinfo/UTC", "zone UTC", 0o644),
	}
	if diff := cmp.Diff(want, members(t, output)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// Other folders, orders, file modes and times give the same bytes.
func TestLayerReproduces(t *testing.T) {
	build := func(mode os.FileMode, modified time.Time, reverse bool) string {
		dir := t.TempDir()
		args := []string{"--dir=/a:0755", "--file=/b/c:0644=" + write(t, filepath.Join(dir, "source"), "same", mode)}
		if err := os.Chtimes(filepath.Join(dir, "source"), modified, modified); err != nil {
			t.Fatal(err)
		}
		if reverse {
			args[0], args[1] = args[1], args[0]
		}
		output := filepath.Join(dir, "layer.tar")
		if err := run(append(args, "--output="+output), io.Discard); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if build(0o600, time.Unix(1, 0), false) != build(0o755, time.Unix(2e9, 0), true) {
		t.Error("the archives differ")
	}
}

func TestLayerErrors(t *testing.T) {
	dir := t.TempDir()
	out := "--output=" + filepath.Join(dir, "layer.tar")
	source := write(t, filepath.Join(dir, "source"), "x", 0o600)
	evil := writeZip(t, filepath.Join(dir, "evil.zip"), "../outside")
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no output", nil, "--output is missing"},
		{"argument", []string{out, "a"}, `unexpected arguments ["a"]`},
		{"relative", []string{out, "--dir=tmp:1777"}, `path must be absolute and without . or .. or a trailing slash, got "tmp"`},
		{"root", []string{out, "--dir=/:0755"}, `got "/"`},
		{"dots", []string{out, "--dir=/a/../b:0755"}, `got "/a/../b"`},
		{"mode", []string{out, "--dir=/a:0888"}, `mode must be octal and at most 7777, got "0888"`},
		{"mode too large", []string{out, "--dir=/a:10000"}, `mode must be octal and at most 7777, got "10000"`},
		{"no mode", []string{out, "--dir=/a"}, `must be PATH:MODE[:OWNER], got "/a"`},
		{"owner", []string{out, "--dir=/a:0755:root"}, `owner must be a number below 2097152, got "root"`},
		{"no source", []string{out, "--file=/a:0755"}, "must be PATH:MODE[:OWNER]=SOURCE"},
		{"absent source", []string{out, "--file=/a:0755=" + dir + "/absent"}, `adding "/a": open `},
		{"folder as source", []string{out, "--file=/a:0755=" + dir}, "is not a regular file"},
		{"twice", []string{out, "--file=/a:0755=" + source, "--dir=/a:0755"}, `path "/a" is there twice`},
		{"no zip", []string{out, "--zip=/a=" + source}, "opening zip archive"},
		{"zip leaves its folder", []string{out, "--zip=/a=" + evil}, "reading zip archive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := run(tc.args, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error: got %v, want it to contain %q", err, tc.want)
			}
		})
	}
}
