package plan

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Media types of indexes: https://github.com/opencontainers/image-spec/blob/main/image-index.md.
var indexTypes = []string{
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
}

// Index stands for an image for several platforms without its layers. tools/oci's index_descriptor writes it as
// <name>.descriptor.json.
type Index struct {
	Version int          `json:"version"`
	Label   string       `json:"label"`  // "//services/gateway:index"
	Name    string       `json:"name"`   // "gateway"
	Index   Content      `json:"index"`  // the index and its bytes
	Images  []Descriptor `json:"images"` // in the index's order
}

// Platform is what an index says of an entry, "linux/arm64" as text.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// String is how messages and container engines write it.
func (p Platform) String() string {
	if p.Variant != "" {
		return p.OS + "/" + p.Architecture + "/" + p.Variant
	}
	return p.OS + "/" + p.Architecture
}

// Platform is what the image's configuration says.
func (d Descriptor) Platform() string { return d.OS + "/" + d.Architecture }

// ociIndex is the part of an index that has to agree.
type ociIndex struct {
	SchemaVersion int        `json:"schemaVersion"`
	MediaType     string     `json:"mediaType"`
	Manifests     []ociEntry `json:"manifests"`
}

type ociEntry struct {
	Blob
	Platform *Platform `json:"platform"`
}

// IsIndex tells the descriptor of an index from one of an image.
func IsIndex(data []byte) bool {
	var head struct {
		Index json.RawMessage `json:"index"`
	}
	return json.Unmarshal(data, &head) == nil && head.Index != nil
}

// DecodeIndex reads an index's descriptor and holds it against itself: each entry against its image, whose configuration
// has the entry's platform. A platform stands once.
func DecodeIndex(name string, data []byte) (Index, error) {
	var x Index
	if err := decode(data, &x); err != nil {
		return Index{}, bad("reading descriptor %q: %v", name, err)
	}
	if err := x.validate(); err != nil {
		return Index{}, bad("reading descriptor %q: %v", name, err)
	}
	return x, nil
}

func (x Index) validate() error {
	if !component.MatchString(x.Name) {
		return fmt.Errorf("name must be a repository name in lower case, got %q", x.Name)
	}
	if x.Label == "" {
		return fmt.Errorf("label of index %q is empty", x.Name)
	}
	if err := x.Index.check(); err != nil {
		return fmt.Errorf("index of %s: %w", x.Label, err)
	}
	for _, d := range x.Images {
		if err := d.validate(); err != nil {
			return err
		}
		if d.Name != x.Name {
			return fmt.Errorf("images of %s must be %q, got %q", x.Label, x.Name, d.Name)
		}
	}
	if err := x.checkEntries(); err != nil {
		return fmt.Errorf("index of %s: %w", x.Label, err)
	}
	return nil
}

func (x Index) checkEntries() error {
	if !slices.Contains(indexTypes, x.Index.MediaType) {
		return fmt.Errorf("mediaType must be that of an index, got %q", x.Index.MediaType)
	}
	var parsed ociIndex
	if err := json.Unmarshal(x.Index.Data, &parsed); err != nil {
		return err
	}
	switch {
	case parsed.SchemaVersion != 2:
		return fmt.Errorf("schemaVersion must be 2, got %d", parsed.SchemaVersion)
	case parsed.MediaType != "" && parsed.MediaType != x.Index.MediaType:
		return fmt.Errorf("mediaType must be %q, the bytes have %q", x.Index.MediaType, parsed.MediaType)
	case len(parsed.Manifests) == 0:
		return fmt.Errorf("manifests is empty")
	case len(parsed.Manifests) != len(x.Images):
		return fmt.Errorf("images must be %d, got %d", len(parsed.Manifests), len(x.Images))
	}
	seen := map[string]bool{}
	for i, entry := range parsed.Manifests {
		if err := entry.check(x.Images[i]); err != nil {
			return fmt.Errorf("manifests[%d]: %w", i, err)
		}
		platform := entry.Platform.String()
		if seen[platform] {
			return fmt.Errorf("manifests[%d]: %s is there twice", i, platform)
		}
		seen[platform] = true
	}
	return nil
}

func (e ociEntry) check(image Descriptor) error {
	switch {
	case e.Platform == nil:
		return fmt.Errorf("platform is missing")
	case e.Blob != image.Manifest.Blob:
		return fmt.Errorf("image must be %v, got %v", e.Blob, image.Manifest.Blob)
	case e.Platform.OS != image.OS || e.Platform.Architecture != image.Architecture:
		return fmt.Errorf("platform is %s, the image's configuration says %s", e.Platform, image.Platform())
	}
	return nil
}

// CheckImage reports a descriptor that stands for another image than the plan's.
func (x Index) CheckImage(image Image) error {
	return Descriptor{Name: x.Name}.CheckImage(image)
}

// Descriptor is the index itself as something to push: it has no blobs of its own, and its images must be there before.
func (x Index) Descriptor() Descriptor {
	return Descriptor{Version: x.Version, Label: x.Label, Name: x.Name, Manifest: x.Index}
}
