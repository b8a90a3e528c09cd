package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	spdxjson "github.com/spdx/tools-golang/json"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// fixture is an index with one image, whose layer has this test as its program.
type fixture struct {
	t                                 *testing.T
	layout, descriptor, sums, program string
	info                              *buildinfo.BuildInfo
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := &fixture{t: t, layout: dir, descriptor: filepath.Join(dir, "descriptor.json"), sums: filepath.Join(dir, "go.sum"), program: program, info: info}
	var lines strings.Builder
	for _, m := range info.Deps {
		fmt.Fprintf(&lines, "%s %s h1:%s\n%s %s/go.mod h1:AAAA\n", m.Path, m.Version, "QUJD", m.Path, m.Version)
	}
	f.write(f.sums, []byte(lines.String()))
	return f
}

func (f *fixture) write(path string, data []byte) {
	f.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) blob(mediaType string, value any) plan.Content {
	f.t.Helper()
	data, ok := value.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(value); err != nil {
			f.t.Fatal(err)
		}
	}
	hex := fmt.Sprintf("%x", sha256.Sum256(data))
	f.write(filepath.Join(f.layout, "blobs", "sha256", hex), data)
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: "sha256:" + hex, Size: int64(len(data))}, Data: data}
}

// layer has a file that is no program, and the programs.
func (f *fixture) layer(programs map[string][]byte) plan.Content {
	f.t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, mode int64, data []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(data))}); err != nil {
			f.t.Fatal(err)
		}
		w.Write(data)
	}
	add("etc/passwd", 0o644, []byte("nobody"))
	for name, data := range programs {
		add(name, 0o755, data)
	}
	w.Close()
	return f.blob("application/vnd.oci.image.layer.v1.tar", b.Bytes())
}

// describe writes the descriptor of an image for linux and the architecture.
func (f *fixture) describe(architecture string, programs map[string][]byte) plan.Index {
	f.t.Helper()
	layer := f.layer(programs)
	d := plan.Descriptor{Version: 1, Label: "//services/gateway:index", Name: "gateway", OS: "linux", Architecture: architecture}
	d.Layers, d.DiffIDs = []plan.Blob{layer.Blob}, []string{layer.Digest}
	d.Config = f.blob("application/vnd.oci.image.config.v1+json", map[string]any{
		"os": "linux", "architecture": architecture, "created": "2026-01-02T03:04:05Z", "rootfs": map[string]any{"diff_ids": d.DiffIDs},
	})
	const manifestType, indexType = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
	d.Manifest = f.blob(manifestType, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": d.Config.Blob, "layers": d.Layers})
	entry := map[string]any{"mediaType": manifestType, "digest": d.Manifest.Digest, "size": d.Manifest.Size, "platform": plan.Platform{OS: "linux", Architecture: architecture}}
	x := plan.Index{Version: 1, Label: d.Label, Name: d.Name, Images: []plan.Descriptor{d}}
	x.Index = f.blob(indexType, map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []any{entry}})
	data, err := json.Marshal(x)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(f.descriptor, data)
	return x
}

func (f *fixture) run(outputs ...string) error {
	args := []string{"--layout=" + f.layout, "--descriptor=" + f.descriptor, "--sums=" + f.sums}
	for _, o := range outputs {
		args = append(args, "--output="+o)
	}
	return run(args, io.Discard)
}

func (f *fixture) self() []byte {
	f.t.Helper()
	data, err := os.ReadFile(f.program)
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

func TestDocument(t *testing.T) {
	f := newFixture(t)
	index := f.describe(runtime.GOARCH, map[string][]byte{"gateway": f.self()})
	first, second := filepath.Join(f.layout, "1"), filepath.Join(f.layout, "2")
	for _, output := range []string{first, second} {
		if err := f.run("linux/" + runtime.GOARCH + "=" + output); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(first)
	again, _ := os.ReadFile(second)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("got different documents of one image, %v", err)
	}
	got, err := spdxjson.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	digest := index.Images[0].Manifest.Digest
	if got.SPDXVersion != "SPDX-2.3" || got.CreationInfo.Created != "2026-01-02T03:04:05Z" || got.DocumentName != "gateway@"+digest {
		t.Errorf("got %s of %s, %s", got.DocumentName, got.CreationInfo.Created, got.SPDXVersion)
	}
	versions := map[string]string{}
	for _, p := range got.Packages {
		versions[p.PackageName] = p.PackageVersion
	}
	for _, m := range f.info.Deps {
		if versions[m.Path] != m.Version {
			t.Errorf("module %s: got %q, want %q", m.Path, versions[m.Path], m.Version)
		}
	}
	if len(f.info.Deps) == 0 || "go"+versions["stdlib"] != f.info.GoVersion || versions["gateway"] != digest {
		t.Errorf("got %v", versions)
	}
	if !strings.Contains(string(data), `"checksumValue": "414243"`) { // go.sum's "QUJD"
		t.Error("no module has its sum")
	}
	if !strings.Contains(string(data), fmt.Sprintf("%x", sha256.Sum256(f.self()))) {
		t.Error("the program has no sum")
	}
}

func TestRefuses(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	for _, tc := range []struct {
		name, architecture string
		programs           map[string][]byte
		sums               bool
		output, want       string
	}{
		{"a program for another machine", other, map[string][]byte{"gateway": newFixture(t).self()}, true, "linux/" + other, "program /gateway is for EM_"},
		{"a script", runtime.GOARCH, map[string][]byte{"x.sh": []byte("#!/bin/sh\n")}, true, "linux/" + runtime.GOARCH, "reading program /x.sh: "},
		{"no program", runtime.GOARCH, nil, true, "linux/" + runtime.GOARCH, "no layer has a program"},
		{"a platform that is not there", runtime.GOARCH, nil, true, "linux/riscv64", "//services/gateway:index has no image for linux/riscv64"},
		{"a module without sum", runtime.GOARCH, map[string][]byte{"gateway": newFixture(t).self()}, false, "linux/" + runtime.GOARCH, "go.sum lacks module "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			f.describe(tc.architecture, tc.programs)
			if !tc.sums {
				f.write(f.sums, nil)
			}
			if err := f.run(tc.output + "=" + filepath.Join(f.layout, "out")); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// Two modules that differ only in what an identifier cannot have are two packages.
func TestIdentifier(t *testing.T) {
	names := map[string]string{}
	for _, name := range []string{"a/b-c", "a-b/c", "a/b/c", "a-b-c", "a_b_c", "a.b.c", "a-2d-b"} {
		id := string(identifier("Module", name))
		if other, taken := names[id]; taken {
			t.Errorf("%q and %q are both %s", name, other, id)
		}
		names[id] = name
		if rest := strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"); rest != "" {
			t.Errorf("%s has %q", id, rest)
		}
	}
}
