package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
)

// spawn is a process that Bazel started, as its execution log tells it: what the process got, after everything before it has
// been built.
// https://github.com/bazelbuild/bazel/blob/7.7.1/src/main/protobuf/spawn.proto
type spawn struct {
	Args        []string   `json:"commandArgs"`
	Environment []variable `json:"environmentVariables"`
	Inputs      []file     `json:"inputs"`
	Mnemonic    string     `json:"mnemonic"`
	Label       string     `json:"targetLabel"`
}

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type file struct {
	Path    string `json:"path"`
	Target  string `json:"symlinkTargetPath"`
	Content struct {
		Hash string `json:"hash"`
	} `json:"digest"`
}

// reporter is the process that writes a test's XML afterwards; how long the test took is among its arguments.
const reporter = "generate-xml.sh"

// truth runs all tests, none from a cache, and returns for each label a hash of what its process got: arguments, environment
// and the content of every file. It knows nothing of action keys or of the action graph.
func (w *workspace) truth(ctx context.Context) (map[string]string, error) {
	log := filepath.Join(w.dir+".log", "spawns.json")
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(w.dir, "tools", "bazelw"), "--output_base="+w.output, "test", "--nocache_test_results",
		"--spawn_strategy=local", "--execution_log_json_file="+log, "--noshow_progress", "//...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, &out, &out
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("running the fixture's tests: %w\n%s", err, out.String()), ctx.Err())
	}
	data, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	return hashes(bytes.NewReader(data))
}

func hashes(log io.Reader) (map[string]string, error) {
	found := map[string]string{}
	for d := json.NewDecoder(log); ; {
		var s spawn
		err := d.Decode(&s)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decoding the execution log: %w", err)
		}
		if s.Mnemonic != "TestRunner" || len(s.Args) == 0 || path.Base(s.Args[0]) == reporter {
			continue
		}
		slices.SortFunc(s.Inputs, func(a, b file) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
		text, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		found[s.Label] = fmt.Sprintf("%x", sha256.Sum256(text))
	}
}
