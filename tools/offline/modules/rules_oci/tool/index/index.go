// Package index builds an OCI image index: one layout that holds several images, one per platform.
//
// Each image must be a layout with exactly one manifest that is no index itself; its platform is read from its config.
// Manifests and configs are copied, layers are relative symlinks to the image's blobs.
package index

import (
	"fmt"
	"os"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

// ociLayout is the marker file as rules_oci writes it for indexes; for images it has neither space nor newline.
const ociLayout = "{\"imageLayoutVersion\": \"1.0.0\"}\n"

// Spec is what the oci_image_index rule asks for. Paths are relative to the execution root.
type Spec struct {
	Label       string   `json:"label"`       // of the index's target, for messages
	Output      string   `json:"output"`      // directory to fill
	Images      []string `json:"images"`      // layout directories, in the order of the index
	Annotations string   `json:"annotations"` // file of "key=value" lines, or empty
}

// Build writes the index that spec describes to spec.Output.
func Build(spec Spec) error {
	if len(spec.Images) == 0 {
		return fmt.Errorf("'images' must name at least one image")
	}
	output := layout.Dir(spec.Output)
	manifests := []any{}
	for _, path := range spec.Images {
		entry, err := add(output, layout.Dir(path))
		if err != nil {
			return err
		}
		manifests = append(manifests, entry)
	}
	index := ordered.New("schemaVersion", int64(2), "mediaType", layout.IndexType, "manifests", manifests)
	if err := annotate(index, spec.Annotations); err != nil {
		return err
	}
	return write(output, index)
}

// add puts an image's blobs into output and returns its entry in the index.
func add(output, image layout.Dir) (*ordered.Object, error) {
	top, err := image.Index()
	if err != nil {
		return nil, err
	}
	entry, root, err := image.Root()
	if err != nil {
		return nil, err
	}
	if root.IsIndex() {
		return nil, fmt.Errorf("reading image layout %q: 'images' takes single images, got an index", image)
	}
	if n := len(top.List("manifests")); n != 1 {
		return nil, fmt.Errorf("reading image layout %q: 'images' takes single images, got %d manifests", image, n)
	}
	platform, err := platformOf(image, root)
	if err != nil {
		return nil, err
	}
	blobs, err := image.Blobs(root)
	if err != nil {
		return nil, err
	}
	for i, blob := range blobs {
		if err := place(output, image, blob, i < 2); err != nil {
			return nil, err
		}
	}
	entry.Set("platform", platform)
	return entry, nil
}

// place copies a blob that is small (the manifest and the config, which come first) and links any other.
func place(output, image layout.Dir, blob layout.Descriptor, small bool) error {
	if small {
		data, err := image.Read(blob.Digest)
		if err != nil {
			return err
		}
		_, err = output.Put(data)
		return err
	}
	path, err := image.Path(blob.Digest)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("reading image layout %q: %w", image, err)
	}
	return output.Link(blob.Digest, path)
}

func platformOf(image layout.Dir, root layout.Descriptor) (*ordered.Object, error) {
	manifest, err := image.Object(root.Digest)
	if err != nil {
		return nil, err
	}
	desc, err := layout.DescriptorOf(manifest.Object("config"))
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: config: %w", image, err)
	}
	config, err := image.Object(desc.Digest)
	if err != nil {
		return nil, err
	}
	platform := ordered.New()
	for _, key := range []string{"os", "architecture", "variant", "os.version", "os.features"} {
		if value := config.Get(key); value != nil {
			platform.Set(key, value)
		}
	}
	return platform, nil
}

func annotate(index *ordered.Object, path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading annotations: %w", err)
	}
	index.Set("annotations", ordered.Pairs(string(text)))
	return nil
}

func write(output layout.Dir, index *ordered.Object) error {
	data := append(ordered.Marshal(index), '\n')
	digest, err := output.Put(data)
	if err != nil {
		return err
	}
	top := ordered.New("manifests", []any{ordered.New(
		"mediaType", layout.IndexType,
		"size", int64(len(data)),
		"digest", digest,
	)})
	return output.WriteIndex(append(ordered.Marshal(top), '\n'), []byte(ociLayout))
}
