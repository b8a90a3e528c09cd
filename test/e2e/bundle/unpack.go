// Package bundle holds the bundles of suites to their promise: one archive that runs where neither Bazel nor a checkout is, and
// that has no layer of an image in it.
//
// The tests unpack the real archive by the system's tar into a folder of its own and start what is in it there, with no
// environment but what they name.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Archive is gateway's bundle among the runfiles, Program what starts it, relative to the folder that it is unpacked in.
const (
	Archive = "_main/test/e2e/gateway.bundle.tar.gz"
	Program = "gateway.bundle/run"
)

// Unpacked is a folder with the bundle in it, and nothing else.
type Unpacked struct {
	Archive string           // file
	Dir     string           // folder
	Layers  map[string]int64 // sizes in bytes of all layers of the bundle's images, by digest
}

// Unpack unpacks the bundle as anybody would.
func Unpack(t *testing.T) Unpacked {
	t.Helper()
	archive, err := runfiles.Rlocation(Archive)
	if err != nil {
		t.Fatalf("%v; run it by: bazel test //test/e2e/bundle/...", err)
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-xf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("unpacking %q: %v: %s", archive, err, out)
	}
	layers, err := layersOf(dir)
	if err != nil || len(layers) < 3 {
		t.Fatalf("got layers %v and error %v, want those of two services", layers, err)
	}
	return Unpacked{archive, dir, layers}
}

// Run starts the bundle in its folder with an environment, all of which is given, and returns what it wrote and its exit code.
// What it writes to standard error goes to log, too.
func (u Unpacked) Run(t *testing.T, log io.Writer, env []string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, errs bytes.Buffer
	command := exec.CommandContext(t.Context(), filepath.Join(u.Dir, Program), args...)
	command.Dir, command.Env = u.Dir, append([]string{}, env...) // nil would be the test's
	command.Stdout, command.Stderr = &out, io.MultiWriter(&errs, log)
	err := command.Run()
	if state := command.ProcessState; state == nil || !state.Exited() {
		t.Fatalf("running %q: %v", args, err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

// layersOf reads all descriptors below a folder.
func layersOf(dir string) (map[string]int64, error) {
	layers := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if matched, _ := filepath.Match("*.descriptor.json", entry.Name()); err != nil || !matched {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var descriptor struct {
			Layers []struct {
				Digest string `json:"digest"`
				Size   int64  `json:"size"`
			} `json:"layers"`
		}
		err = json.Unmarshal(data, &descriptor)
		for _, layer := range descriptor.Layers {
			layers[layer.Digest] = layer.Size
		}
		return err
	})
	return layers, err
}

// Disk is what the folder holds.
type Disk struct {
	Bytes  int64            // of all files
	Files  map[string]int64 // by path below the folder
	Layers []string         // paths of files that are a layer
}

// Measure looks at every file.
func (u Unpacked) Measure(t *testing.T) Disk {
	t.Helper()
	disk := Disk{Files: map[string]int64{}}
	err := filepath.WalkDir(u.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(u.Dir, path)
		disk.Files[name] = int64(len(data))
		disk.Bytes += int64(len(data))
		if _, isLayer := u.Layers[fmt.Sprintf("sha256:%x", sha256.Sum256(data))]; isLayer {
			disk.Layers = append(disk.Layers, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return disk
}
