// Layer writes one image layer, a tar archive through zstd, from files that the build made.
//
// Package archive says what the archive depends on. It is compressed by zstd at level 1, in one thread: a third of the bytes in
// every cache, registry and link, and faster deliveries (docs/benchmarks.md, "Compression of layers"). The compressed bytes
// depend on the archive and on the version of the compressor in go.mod.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kubernaut/kubernaut/tools/archive"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "layer: error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	var b builder
	flags := flag.NewFlagSet("layer", flag.ContinueOnError)
	flags.SetOutput(stderr)
	output := flags.String("output", "", "the archive to write")
	flags.Func("dir", "PATH:MODE[:OWNER], a directory, e.g. /tmp:1777", b.addDir)
	flags.Func("file", "PATH:MODE[:OWNER]=SOURCE, a file, e.g. /etc/passwd:0644=base/passwd", b.addFile)
	flags.Func("zip", "PATH=SOURCE, a zip archive's files below the directory PATH with mode 0644", b.addZip)
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected arguments %q", flags.Args())
	case *output == "":
		return fmt.Errorf("--output is missing")
	}
	return b.writeFile(*output)
}

// addDir, addFile and addZip take a flag's value.
func (b *builder) addDir(value string) error {
	e, err := parseEntry(value)
	if err != nil {
		return err
	}
	return b.Add(e)
}

func (b *builder) addFile(value string) error {
	target, source, found := strings.Cut(value, "=")
	if !found || source == "" {
		return fmt.Errorf("must be PATH:MODE[:OWNER]=SOURCE, got %q", value)
	}
	e, err := parseEntry(target)
	if err != nil {
		return err
	}
	e.Open = archive.File(source)
	return b.Add(e)
}

func (b *builder) addZip(value string) error {
	target, source, found := strings.Cut(value, "=")
	if !found || source == "" {
		return fmt.Errorf("must be PATH=SOURCE, got %q", value)
	}
	return b.addArchive(target, source)
}
