package push

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubernaut/kubernaut/test/bench/synthetic"
	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// The sizes of this project's ten images in bytes, compressed and rounded: the base layer that all share, and each one's binary.
const baseSize = 250_000

var binarySizes = map[string]int64{
	"aianalysis": 14_400_000, "authwebhook": 10_600_000, "datastorage": 9_100_000, "gateway": 9_600_000,
	"holmesgpt-api": 8_400_000, "mock-llm": 3_900_000, "notification": 10_800_000,
	"remediationorchestrator": 10_800_000, "signalprocessing": 14_400_000, "workflowexecution": 10_800_000,
}

// changed is the service whose binary changes.
const changed = "gateway"

// Seeds: of the base, of the first service's binary, and what a changed binary adds to its own.
const (
	baseSeed    = 1
	binarySeed  = 10
	changedSeed = 100
)

// fleet is ten images on disk, each an image layout and a descriptor, below a folder that stands for runfiles.
type fleet struct {
	dir    string                     // holds "_main/<service>/layout" and "_main/<service>/descriptor.json"
	images map[string]plan.Descriptor // by service
}

func (f fleet) layout(service string) string { return filepath.Join(f.dir, "_main", service, "layout") }

// plan is the path of slipway's plan.
func (f fleet) plan() string { return filepath.Join(f.dir, "push.json") }

// services are the images' names in order.
func (f fleet) services() []string { return slices.Sorted(maps.Keys(f.images)) }

// writeFleet writes images of the given sizes; the one called other has another binary than it has by default.
func writeFleet(ctx context.Context, dir string, sizes map[string]int64, other string) (fleet, error) {
	f := fleet{dir: dir, images: map[string]plan.Descriptor{}}
	base := synthetic.Layer{Seed: baseSeed, Size: baseSize}
	for i, service := range slices.Sorted(maps.Keys(sizes)) {
		binary := synthetic.Layer{Seed: uint64(binarySeed + i), Size: sizes[service]}
		if service == other {
			binary.Seed += changedSeed
		}
		image, err := synthetic.New(service, base, binary)
		if err != nil {
			return f, err
		}
		f.images[service] = image.Descriptor
		if err := f.write(ctx, image); err != nil {
			return f, fmt.Errorf("writing image %q: %w", service, err)
		}
	}
	return f, f.writePlan()
}

// write writes a layout that is complete, as crane wants it, and the descriptor, as slipway does.
func (f fleet) write(ctx context.Context, image synthetic.Image) error {
	d := image.Descriptor
	dir := f.layout(d.Name)
	if err := synthetic.WriteLayout(ctx, dir, image); err != nil {
		return err
	}
	for _, content := range []plan.Content{d.Manifest, d.Config} {
		path := filepath.Join(dir, "blobs", strings.Replace(content.Digest, ":", "/", 1))
		if err := os.WriteFile(path, content.Data, 0o644); err != nil {
			return err
		}
	}
	index := map[string]any{"schemaVersion": 2, "manifests": []plan.Blob{d.Manifest.Blob}}
	for path, value := range map[string]any{
		filepath.Join(dir, "index.json"):                    index,
		filepath.Join(dir, "oci-layout"):                    map[string]string{"imageLayoutVersion": "1.0.0"},
		filepath.Join(filepath.Dir(dir), "descriptor.json"): d,
	} {
		if err := writeJSON(path, value); err != nil {
			return err
		}
	}
	return nil
}

// writePlan writes what tools/oci writes for a target that pushes these images.
func (f fleet) writePlan() error {
	var images []plan.Image
	for _, service := range f.services() {
		images = append(images, plan.Image{
			Name: service, Label: f.images[service].Label,
			Descriptor: "_main/" + service + "/descriptor.json", Layout: "_main/" + service + "/layout",
		})
	}
	return writeJSON(f.plan(), map[string]any{
		"version": plan.Version, "label": "//test/bench:push", "registry": "registry.invalid/bench", "images": images,
	})
}

// layers are the digests of all layers of some fleets.
func layers(fleets ...fleet) map[string]bool {
	all := map[string]bool{}
	for _, f := range fleets {
		for _, d := range f.images {
			for _, l := range d.Layers {
				all[l.Digest] = true
			}
		}
	}
	return all
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
