package bazelrc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// option is one word after a command, with its place.
type option struct {
	word string
	file string
	line int // counted from 1; of a continued line, its first
}

func (o option) errorf(format string, args ...any) error {
	return fmt.Errorf("reading %s:%d: %w", o.file, o.line, fmt.Errorf(format, args...))
}

// reader collects the options of each command, "common" or "build:ci", in the order of the files.
type reader struct {
	workspace string
	options   map[string][]option
	configs   map[string]bool
	stack     []string // files that import each other, the outermost first
}

// read takes a file's lines. One that is not there is an error only when it must be.
func (r *reader) read(path string, must bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		if !must && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
			return nil
		}
		return fmt.Errorf("reading Bazel's rc file: %w", err)
	}
	r.stack = append(r.stack, path)
	defer func() { r.stack = r.stack[:len(r.stack)-1] }()
	for number, text := range logicalLines(string(data)) {
		if err := r.take(option{file: path, line: number}, words(text)); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) take(at option, list []string) error {
	if len(list) == 0 {
		return nil
	}
	if list[0] == "import" || list[0] == "try-import" {
		return r.include(at, list)
	}
	for _, word := range list[1:] {
		at.word = word
		r.options[list[0]] = append(r.options[list[0]], at)
	}
	return nil
}

func (r *reader) include(at option, list []string) error {
	if len(list) != 2 {
		return at.errorf("%s takes one file, got %d", list[0], len(list)-1)
	}
	path, ok := inWorkspace(list[1], r.workspace)
	if !ok {
		return at.errorf("%s %q: no checkout is known", list[0], list[1])
	}
	if slices.Contains(r.stack, path) {
		return at.errorf("%s %q: it imports this file in turn", list[0], list[1])
	}
	err := r.read(path, list[0] == "import")
	if err != nil && errors.Is(err, fs.ErrNotExist) {
		return at.errorf("%w", err)
	}
	return err
}

// inWorkspace replaces %workspace% at the path's start.
func inWorkspace(path, workspace string) (string, bool) {
	rest, found := strings.CutPrefix(path, "%workspace%")
	if !found {
		return path, true
	}
	return filepath.Join(workspace, rest), workspace != ""
}

// logicalLines yields the lines after a backslash at a line's end has joined it with the next, and the number of the first.
func logicalLines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		var joined strings.Builder
		first := 1
		number := 0
		for line := range strings.SplitSeq(text, "\n") {
			number++
			if part, ok := continued(line); ok {
				joined.WriteString(part)
				continue
			}
			joined.WriteString(line)
			if !yield(first, joined.String()) {
				return
			}
			joined.Reset()
			first = number + 1
		}
		if joined.Len() > 0 {
			yield(first, joined.String())
		}
	}
}

func continued(line string) (string, bool) {
	if part, ok := strings.CutSuffix(line, "\\\r"); ok {
		return part, true
	}
	return strings.CutSuffix(line, "\\")
}
