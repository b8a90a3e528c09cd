package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// standIn is the module of the stand-in, below the workspace.
const standIn = "tools/offline/modules/rules_oci"

// toolset are the programs behind image_layer and oci_image.
type toolset struct{ layer, image string }

// compile makes the image program of the module in dir.
func (t toolset) compile(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", t.image, "./tool/cmd/oci_build")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	return output(cmd)
}

// spec is what oci_image writes for the image program.
type spec struct {
	Label    string       `json:"label"`
	Output   string       `json:"output"`
	Base     string       `json:"base,omitempty"`
	Platform *platform    `json:"platform,omitempty"`
	Layers   []layerPaths `json:"layers"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
}

type layerPaths struct {
	Path       string `json:"path"`
	Descriptor string `json:"descriptor"`
}

// writeLayer is image_layer's action.
func (t toolset) writeLayer(ctx context.Context, file, tar string) error {
	return output(exec.CommandContext(ctx, t.layer, "--output="+tar, "--file=/service:0755="+file))
}

// build is oci_image's two actions for one new layer. The layer's digest reaches the image by way of a file.
func (t toolset) build(ctx context.Context, s spec, tar string) error {
	descriptor, file := tar+".descriptor.json", tar+".image.json"
	s.Layers = []layerPaths{{tar, descriptor}}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	if err := output(exec.CommandContext(ctx, t.image, "layer", s.Label, tar, descriptor)); err != nil {
		return err
	}
	return output(exec.CommandContext(ctx, t.image, "image", file))
}

func output(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", strings.Join(append([]string{filepath.Base(cmd.Path)}, cmd.Args[1:]...), " "), err, out)
	}
	return nil
}
