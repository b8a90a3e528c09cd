package postgres_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubernaut/kubernaut/tools/offline/postgres"
)

const (
	loader = "/lib64/ld-linux-x86-64.so.2"
	lib    = "usr/lib/x86_64-linux-gnu/"
)

// binaryFile is the smallest ELF file that names a loader (unless it is "") and needed libraries: a header, one program
// header, and the sections of a dynamic table and of its strings.
func binaryFile(t *testing.T, loader string, needed ...string) string {
	t.Helper()
	text := "\x00"
	var dynamic []elf.Dyn64
	for _, name := range needed {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(len(text))})
		text += name + "\x00"
	}
	dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NULL)})
	interpreter := loader + "\x00"
	const headers = 64 + 56
	stringsAt := uint64(headers + len(interpreter))
	dynamicAt := stringsAt + uint64(len(text))
	sectionsAt := dynamicAt + uint64(16*len(dynamic))
	program := elf.Prog64{Type: uint32(elf.PT_NULL), Off: headers, Filesz: uint64(len(interpreter))}
	if loader != "" {
		program.Type = uint32(elf.PT_INTERP)
	}
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_DYN), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT), Phoff: 64, Shoff: sectionsAt,
		Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64, Shnum: 3, Shstrndx: 1,
	}
	sections := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_STRTAB), Off: stringsAt, Size: uint64(len(text))},
		{Type: uint32(elf.SHT_DYNAMIC), Off: dynamicAt, Size: uint64(16 * len(dynamic)), Link: 1, Entsize: 16},
	}
	var data bytes.Buffer
	for _, part := range []any{header, program, []byte(interpreter), []byte(text), dynamic, sections} {
		if err := binary.Write(&data, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return data.String()
}

// root makes a folder of files; one whose content begins with "-> " becomes a link.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func server(t *testing.T) map[string]string {
	t.Helper()
	home, share := "usr/lib/postgresql/18/", "usr/share/postgresql/18/"
	program := func(needed ...string) string { return binaryFile(t, loader, needed...) }
	return map[string]string{
		"lib64": "-> usr/lib64", "usr/lib64/ld-linux-x86-64.so.2": "-> ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
		lib + "ld-linux-x86-64.so.2": "loader", "usr/bin/dash": program("libc.so.6"),
		home + "bin/initdb": program("libpq.so.5", "libc.so.6"),
		home + "bin/pg_ctl": program("libc.so.6"), home + "bin/pg_isready": program("libpq.so.5"), home + "bin/pg_dump": "not wanted",
		home + "bin/postgres": program("libxml2.so.16", "libc.so.6"), home + "lib/citext.so": "not wanted",
		home + "lib/plpgsql.so": binaryFile(t, "", "libc.so.6"), home + "lib/dict_snowball.so": binaryFile(t, "", "libc.so.6"),
		// A link to a version, and two libraries that need each other.
		lib + "libpq.so.5": "-> libpq.so.5.18", lib + "libpq.so.5.18": binaryFile(t, "", "libssl.so.3"),
		lib + "libssl.so.3": binaryFile(t, "", "libcrypto.so.3"), lib + "libcrypto.so.3": binaryFile(t, "", "libssl.so.3"),
		lib + "libxml2.so.16": binaryFile(t, ""), lib + "libc.so.6": binaryFile(t, ""), lib + "libother.so.1": "not wanted",
		share + "postgres.bki": "x", share + "extension/plpgsql.control": "x", share + "extension/citext.control": "not wanted",
		share + "man/man1/postgres.1": "not wanted", share + "contrib/a.sql": "not wanted", share + "tsearch_data/a.stop": "x",
	}
}

func TestFind(t *testing.T) {
	dir := root(t, server(t))
	got, err := postgres.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for target, source := range map[string]string{
		"/bin/sh:0755": "usr/bin/dash", loader + ":0755": "lib64/ld-linux-x86-64.so.2",
		"/usr/lib/plpgsql.so:0644": "usr/lib/postgresql/18/lib/plpgsql.so", "/usr/lib/dict_snowball.so:0644": "usr/lib/postgresql/18/lib/dict_snowball.so",
		"/usr/bin/initdb:0755": "usr/lib/postgresql/18/bin/initdb", "/usr/bin/pg_ctl:0755": "usr/lib/postgresql/18/bin/pg_ctl",
		"/usr/bin/pg_isready:0755": "usr/lib/postgresql/18/bin/pg_isready", "/usr/bin/postgres:0755": "usr/lib/postgresql/18/bin/postgres",
	} {
		want[target] = filepath.Join(dir, source)
	}
	for _, same := range []string{
		lib + "libpq.so.5", lib + "libssl.so.3",
		lib + "libcrypto.so.3", lib + "libxml2.so.16", lib + "libc.so.6", "usr/share/postgresql/18/postgres.bki",
		"usr/share/postgresql/18/extension/plpgsql.control", "usr/share/postgresql/18/tsearch_data/a.stop",
	} {
		want["/"+same+":0644"] = filepath.Join(dir, same)
	}
	if diff := cmp.Diff(want, got.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFindErrors(t *testing.T) {
	for _, tc := range []struct{ name, change, content, want string }{
		{"no server", "usr/lib/postgresql/18/bin/initdb", "", "found []; is the package postgresql missing?"},
		{"two servers", "usr/lib/postgresql/17/bin/initdb", "x", `found ["usr/lib/postgresql/17/bin/initdb" "usr/lib/postgresql/18/bin/initdb"]`},
		{"no program", "usr/lib/postgresql/18/bin/pg_ctl", "", "usr/lib/postgresql/18/bin/pg_ctl"},
		{"no library", lib + "libcrypto.so.3", "", "/usr/bin/initdb needs libpq.so.5: "},
		{"no ELF file", lib + "libc.so.6", "text", `reading "` + lib + `libc.so.6": `},
		{"a link that leads out", lib + "libxml2.so.16", "-> /etc/passwd", "needs libxml2.so.16: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := server(t)
			delete(files, tc.change)
			if tc.content != "" {
				files[tc.change] = tc.content
			}
			_, err := postgres.Find(root(t, files))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error: got %v, want it to contain %q", err, tc.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	dir := root(t, server(t))
	want, err := postgres.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "list.json")
	if err := postgres.Write(dir, file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got postgres.List
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}
