package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/tools/archive"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// program is an executable file of an image.
type program struct {
	path   string // "/gateway"
	sha256 string // hexadecimal
	info   *buildinfo.BuildInfo
}

// machines are the ELF machines of GOARCH.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// programsOf reads all layers of an image. Its error names the program that its platform cannot run.
func programsOf(blobs source.Blobs, image plan.Descriptor) ([]program, error) {
	var found []program
	for _, layer := range image.Layers {
		inLayer, err := programsIn(blobs, layer, image)
		if err != nil {
			return nil, err
		}
		found = append(found, inLayer...)
	}
	if len(found) == 0 {
		return nil, errors.New("no layer has a program")
	}
	slices.SortFunc(found, func(a, b program) int { return strings.Compare(a.path, b.path) })
	return found, nil
}

func programsIn(blobs source.Blobs, layer plan.Blob, image plan.Descriptor) ([]program, error) {
	content, err := blobs.Open(context.Background(), layer)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	unpacked, _, err := archive.Unpack(layer.MediaType, content)
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	var found []program
	for files := tar.NewReader(unpacked); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || header.Mode&0o111 == 0 {
			continue
		}
		data, err := io.ReadAll(files) // tens of MB, once
		if err != nil {
			return nil, err
		}
		p, err := parse("/"+strings.TrimLeft(header.Name, "./"), data, image)
		if err != nil {
			return nil, err
		}
		found = append(found, p)
	}
}

func parse(path string, data []byte, image plan.Descriptor) (program, error) {
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return program{}, fmt.Errorf("reading program %s: %w", path, err)
	}
	want, known := machines[image.Architecture]
	if !known || file.Machine != want {
		return program{}, fmt.Errorf("program %s is for %s, the image for %s", path, file.Machine, image.Platform())
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return program{}, fmt.Errorf("reading build info of program %s: %w", path, err)
	}
	for _, setting := range info.Settings {
		if setting.Key == "GOARCH" && setting.Value != image.Architecture {
			return program{}, fmt.Errorf("program %s was built for %s, the image is for %s", path, setting.Value, image.Platform())
		}
	}
	return program{path: path, sha256: fmt.Sprintf("%x", sha256.Sum256(data)), info: info}, nil
}
