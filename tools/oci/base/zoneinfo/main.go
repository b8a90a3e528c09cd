// Zoneinfo extracts the time zone database from the Go SDK's package time/tzdata, as the zip archive that is a constant
// of its generated source file.
//
// The SDK is an input of every binary already, so that images need no second source of the database, and a machine with
// the same SDK makes the same archive.
package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
)

func main() {
	source := flag.String("source", "", "time/tzdata/zzipdata.go of the Go SDK")
	output := flag.String("output", "", "the zip archive to write")
	flag.Parse()
	if err := run(*source, *output); err != nil {
		fmt.Fprintf(os.Stderr, "zoneinfo: error: %v\n", err)
		os.Exit(1)
	}
}

func run(source, output string) error {
	data, err := os.ReadFile(source)
	if err != nil {
		return fmt.Errorf("reading time zones: %w", err)
	}
	archive, err := extract(data)
	if err != nil {
		return fmt.Errorf("reading time zones from %q: %w", source, err)
	}
	return os.WriteFile(output, archive, 0o644)
}

// extract returns the longest string constant of the Go file, which must be a zip archive with at least one file.
func extract(source []byte) ([]byte, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var archive string
	var bad error
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			bad = errors.Join(bad, err)
			if len(text) > len(archive) {
				archive = text
			}
		}
		return true
	})
	if bad != nil {
		return nil, bad
	}
	found, err := zip.NewReader(bytes.NewReader([]byte(archive)), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	if len(found.File) == 0 {
		return nil, errors.New("the archive is empty")
	}
	return []byte(archive), nil
}
