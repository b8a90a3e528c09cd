// Package bundle is the form of a portable bundle: a folder that holds slipway, a plan and every file that the plan names, so
// that a suite runs where neither Bazel nor a checkout is.
//
//	gateway.bundle/run           slipway itself
//	gateway.bundle/bundle.json   Manifest
//	gateway.bundle/files/…       the files by their rlocation paths
//
// No image layer is among the files: they stay in the registry or in the cache, and the plans of a bundle name no layouts. The
// folder may have any name and be anywhere; slipway finds the rest beside itself.
//
// Not a goal: packing, which tools/e2e/bundle does.
package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Names in the folder.
const (
	Program  = "run"
	Contents = "bundle.json"
	Files    = "files"
)

// Version is the format that this package reads.
const Version = 1

// Manifest is bundle.json.
type Manifest struct {
	Version int    `json:"version"`
	Label   string `json:"label"` // of the bundle's target: "//test/e2e:gateway.bundle"
	Plan    string `json:"plan"`  // rlocation path: "_main/test/e2e/gateway.plan.json"
}

// Bundle is one on this machine's disk.
type Bundle struct {
	Manifest
	Dir string // absolute
}

// Of returns the bundle of a program, which may be named by a link. found is false for a program that is in none; a
// bundle.json that cannot be read is an error.
func Of(program string) (b Bundle, found bool, err error) {
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return Bundle{}, false, fmt.Errorf("finding the program's folder: %w", err)
	}
	b.Dir = filepath.Dir(program)
	data, err := os.ReadFile(filepath.Join(b.Dir, Contents))
	if errors.Is(err, fs.ErrNotExist) {
		return Bundle{}, false, nil
	}
	if err == nil {
		b.Manifest, err = Decode(data)
	}
	if err != nil {
		return Bundle{}, false, fmt.Errorf("reading bundle %q: %w", b.Dir, err)
	}
	return b, true, nil
}

// Decode reads a bundle.json strictly.
func Decode(data []byte) (Manifest, error) {
	var m Manifest
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, err
	}
	if m.Version != Version {
		return Manifest{}, fmt.Errorf("version must be %d, got %d", Version, m.Version)
	}
	if m.Label == "" || !filepath.IsLocal(m.Plan) {
		return Manifest{}, fmt.Errorf("label and plan must be those of a bundle, got %q and %q", m.Label, m.Plan)
	}
	return m, nil
}

// Runfiles is the folder that stands for the runfiles.
func (b Bundle) Runfiles() string { return filepath.Join(b.Dir, Files) }

// Command is how a person in a working directory starts the bundle: "gateway.bundle/run".
func (b Bundle) Command(workDir string) string {
	program := filepath.Join(b.Dir, Program)
	relative, err := filepath.Rel(workDir, program)
	switch {
	case err != nil || !filepath.IsLocal(relative):
		return program
	case relative == Program:
		return "./" + Program
	}
	return relative
}

// Portable returns a plan, or a set's, as a bundle holds it: without the layouts that only the machine that built it has. Its
// bytes are the same whether the plan has any or not.
func Portable(name string, data []byte) ([]byte, error) {
	if plan.IsSet(data) {
		set, err := plan.DecodeSet(name, data)
		return encode(set, err)
	}
	p, err := plan.Decode(name, data)
	for i := range p.Images {
		p.Images[i].Layout = ""
	}
	return encode(p, err)
}

func encode(value any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(value)
	return append(data, '\n'), err
}
