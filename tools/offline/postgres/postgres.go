// Package postgres lists the files of the Bazel root that make a PostgreSQL server: four programs, the two modules that
// initdb loads, its templates, a shell (initdb starts postgres by one), and the shared libraries of all these, found by
// following the ELF files' own lists of what they need.
//
// Nothing is copied: the build makes an image layer of the files where they are. Programs are put into /usr/bin, so that
// nobody who starts one must know the release. PostgreSQL then looks for modules in /usr/lib, because it takes "../lib" from
// its own path, and for templates where they were compiled to be.
//
// Non-goals: extensions, procedural languages but plpgsql, other encodings than UTF-8 on the client's side, LLVM.
package postgres

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// List is what a PostgreSQL server consists of.
type List struct {
	// Files are the files' paths on this machine by "<path in the image>:<octal mode>".
	Files map[string]string `json:"files"`
}

// libraries is where Debian has its shared libraries on amd64, the one architecture of the tool set.
const libraries = "usr/lib/x86_64-linux-gnu"

// Write writes the list of root's server to file.
func Write(root, file string) error {
	list, err := Find(root)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".part", append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the list of PostgreSQL's files: %w", err)
	}
	return os.Rename(file+".part", file)
}

// Find returns the list of the one server in root, a folder that Debian's packages were unpacked into.
func Find(root string) (List, error) {
	opened, err := os.OpenRoot(root)
	if err != nil {
		return List{}, fmt.Errorf("listing PostgreSQL's files: %w", err)
	}
	defer opened.Close()
	f := finder{root: root, files: opened.FS(), list: List{map[string]string{}}}
	if err := f.find(); err != nil {
		return List{}, fmt.Errorf("listing PostgreSQL's files in %q: %w", root, err)
	}
	return f.list, nil
}

// finder collects files. Paths are relative to root; links may lead anywhere in root and nowhere else.
type finder struct {
	root  string
	files fs.FS
	list  List
}

func (f *finder) find() error {
	found, err := fs.Glob(f.files, "usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) != 1 {
		return errors.Join(err, fmt.Errorf("want one usr/lib/postgresql/*/bin/initdb, found %q; is the package postgresql missing?", found))
	}
	home := path.Dir(path.Dir(found[0]))
	if err := f.addELF("usr/bin/dash", "/bin/sh", 0o755); err != nil {
		return err
	}
	for _, program := range []string{"initdb", "pg_ctl", "pg_isready", "postgres"} {
		if err := f.addELF(path.Join(home, "bin", program), "/usr/bin/"+program, 0o755); err != nil {
			return err
		}
	}
	for _, module := range []string{"dict_snowball.so", "plpgsql.so"} {
		if err := f.addELF(path.Join(home, "lib", module), "/usr/lib/"+module, 0o644); err != nil {
			return err
		}
	}
	return f.addTemplates(path.Join("usr/share/postgresql", path.Base(home)))
}

func (f *finder) add(name, target string, mode fs.FileMode) {
	f.list.Files[fmt.Sprintf("%s:%04o", target, mode)] = path.Join(f.root, name)
}

// addTemplates adds what initdb reads, and the zones' abbreviations, which the server reads.
func (f *finder) addTemplates(dir string) error {
	return fs.WalkDir(f.files, dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		switch {
		case entry.IsDir() && (base == "contrib" || base == "man"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		case path.Base(path.Dir(name)) == "extension" && !strings.HasPrefix(base, "plpgsql"):
			return nil
		}
		f.add(name, "/"+name, 0o644)
		return nil
	})
}

// addELF adds a program or a library, and what it needs.
func (f *finder) addELF(name, target string, mode fs.FileMode) error {
	f.add(name, target, mode)
	needed, loader, err := f.needs(name)
	if err != nil {
		return err
	}
	if loader != "" {
		f.add(strings.TrimPrefix(loader, "/"), loader, 0o755)
	}
	for _, library := range needed {
		name := path.Join(libraries, library)
		if f.has("/" + name) {
			continue
		}
		if err := f.addELF(name, "/"+name, 0o644); err != nil {
			return fmt.Errorf("%s needs %s: %w", target, library, err)
		}
	}
	return nil
}

func (f *finder) has(target string) bool {
	_, known := f.list.Files[target+":0644"]
	return known
}

// needs returns the names of the libraries that an ELF file is linked with (DT_NEEDED), and the loader that starts it,
// "" for a library.
func (f *finder) needs(name string) (libraries []string, loader string, err error) {
	file, err := f.files.Open(name)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	reader, ok := file.(interface {
		ReadAt(p []byte, off int64) (int, error)
	})
	if !ok {
		return nil, "", fmt.Errorf("reading %q: not a regular file", name)
	}
	parsed, err := elf.NewFile(reader)
	if err != nil {
		return nil, "", fmt.Errorf("reading %q: %w", name, err)
	}
	if libraries, err = parsed.ImportedLibraries(); err != nil {
		return nil, "", fmt.Errorf("reading %q: %w", name, err)
	}
	for _, program := range parsed.Progs {
		if program.Type == elf.PT_INTERP {
			text := make([]byte, program.Filesz)
			if _, err := program.ReadAt(text, 0); err != nil {
				return nil, "", fmt.Errorf("reading %q: %w", name, err)
			}
			loader = strings.TrimRight(string(text), "\x00")
		}
	}
	return libraries, loader, nil
}
