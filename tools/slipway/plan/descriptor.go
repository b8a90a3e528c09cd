package plan

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Media types of the manifests that this version delivers: one platform, no index.
var manifestTypes = []string{
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
}

// ociManifest is the part of https://github.com/opencontainers/image-spec/blob/main/manifest.md that has to agree.
type ociManifest struct {
	SchemaVersion int    `json:"schemaVersion"`
	MediaType     string `json:"mediaType"`
	Config        Blob   `json:"config"`
	Layers        []Blob `json:"layers"`
}

// ociConfig is the part of https://github.com/opencontainers/image-spec/blob/main/config.md that has to agree.
type ociConfig struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	RootFS       struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

func (d Descriptor) validate() error {
	if !component.MatchString(d.Name) {
		return fmt.Errorf("name must be a repository name in lower case, got %q", d.Name)
	}
	if d.Label == "" {
		return fmt.Errorf("label of image %q is empty", d.Name)
	}
	if err := d.Manifest.check(); err != nil {
		return fmt.Errorf("manifest of %s: %w", d.Label, err)
	}
	if err := d.Config.check(); err != nil {
		return fmt.Errorf("config of %s: %w", d.Label, err)
	}
	if err := d.checkManifest(); err != nil {
		return fmt.Errorf("manifest of %s: %w", d.Label, err)
	}
	if err := d.checkConfig(); err != nil {
		return fmt.Errorf("config of %s: %w", d.Label, err)
	}
	if err := d.checkUpstreams(); err != nil {
		return fmt.Errorf("upstreams of %s: %w", d.Label, err)
	}
	return nil
}

// check holds the bytes against digest and size.
func (c Content) check() error {
	if err := c.Blob.Check(); err != nil {
		return err
	}
	if int64(len(c.Data)) != c.Size {
		return fmt.Errorf("size must be %d, got %d bytes", c.Size, len(c.Data))
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(c.Data)); got != c.Digest {
		return fmt.Errorf("digest must be %s, the bytes have %s", c.Digest, got)
	}
	return nil
}

func (d Descriptor) checkManifest() error {
	if !slices.Contains(manifestTypes, d.Manifest.MediaType) {
		return fmt.Errorf("mediaType must be that of a single-platform image, got %q", d.Manifest.MediaType)
	}
	var m ociManifest
	if err := json.Unmarshal(d.Manifest.Data, &m); err != nil {
		return err
	}
	if m.SchemaVersion != 2 {
		return fmt.Errorf("schemaVersion must be 2, got %d", m.SchemaVersion)
	}
	if m.MediaType != "" && m.MediaType != d.Manifest.MediaType {
		return fmt.Errorf("mediaType must be %q, the bytes have %q", d.Manifest.MediaType, m.MediaType)
	}
	if m.Config != d.Config.Blob {
		return fmt.Errorf("config must be %v, the bytes have %v", d.Config.Blob, m.Config)
	}
	if len(m.Layers) != len(d.Layers) {
		return fmt.Errorf("layers must be %d, the bytes have %d", len(d.Layers), len(m.Layers))
	}
	for i, layer := range d.Layers {
		if err := layer.Check(); err != nil {
			return fmt.Errorf("layers[%d]: %w", i, err)
		}
		if m.Layers[i] != layer {
			return fmt.Errorf("layers[%d] must be %v, the bytes have %v", i, layer, m.Layers[i])
		}
	}
	return nil
}

func (d Descriptor) checkConfig() error {
	var c ociConfig
	if err := json.Unmarshal(d.Config.Data, &c); err != nil {
		return err
	}
	if c.OS != d.OS || c.Architecture != d.Architecture {
		return fmt.Errorf("platform must be %s/%s, the bytes have %s/%s", d.OS, d.Architecture, c.OS, c.Architecture)
	}
	if len(d.DiffIDs) != len(d.Layers) {
		return fmt.Errorf("diffIDs must be as many as layers (%d), got %d", len(d.Layers), len(d.DiffIDs))
	}
	for i, id := range d.DiffIDs {
		if err := checkDigest(id); err != nil {
			return fmt.Errorf("diffIDs[%d]: %w", i, err)
		}
	}
	if !slices.Equal(c.RootFS.DiffIDs, d.DiffIDs) {
		return fmt.Errorf("diffIDs must be %v, the bytes have %v", d.DiffIDs, c.RootFS.DiffIDs)
	}
	return nil
}

func (d Descriptor) checkUpstreams() error {
	for _, digest := range slices.Sorted(maps.Keys(d.Upstreams)) {
		if !slices.ContainsFunc(d.Layers, func(l Blob) bool { return l.Digest == digest }) {
			return fmt.Errorf("%q is not a layer", digest)
		}
		for _, repository := range d.Upstreams[digest] {
			if problem := repositoryProblem(repository); problem != "" {
				return fmt.Errorf("a repository %s, got %q", problem, repository)
			}
		}
	}
	return nil
}

// CheckImage reports a descriptor that stands for another image than the plan's.
func (d Descriptor) CheckImage(image Image) error {
	if d.Name != image.Name {
		return bad("reading descriptor %q: it describes image %q, the plan wants %q", image.Descriptor, d.Name, image.Name)
	}
	return nil
}

// Blobs lists all of the image's blobs but the manifest: the layers in order, then the configuration. A layer that the
// manifest names twice is listed once; an index has none.
func (d Descriptor) Blobs() []Blob {
	var blobs []Blob
	seen := map[string]bool{}
	for _, b := range append(slices.Clone(d.Layers), d.Config.Blob) {
		if b.Digest != "" && !seen[b.Digest] {
			seen[b.Digest] = true
			blobs = append(blobs, b)
		}
	}
	return blobs
}
