// Package layout reads and writes OCI image layouts on disk
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
//
// Reading follows symlinks and takes regular files alike: a layout that Bazel built here holds links to its layers, one
// that came from a cache holds copies. Writing never copies a layer: Link makes a relative symlink to where the bytes
// already are. Nothing here verifies digests: layouts are inputs or outputs of build actions, whose content Bazel
// vouches for.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

// Media types that decide how a manifest is handled.
const (
	IndexType          = "application/vnd.oci.image.index.v1+json"
	ManifestType       = "application/vnd.oci.image.manifest.v1+json"
	ConfigType         = "application/vnd.oci.image.config.v1+json"
	DockerIndexType    = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerManifestType = "application/vnd.docker.distribution.manifest.v2+json"
)

// Descriptor names one blob (https://github.com/opencontainers/image-spec/blob/main/descriptor.md).
type Descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"` // bytes
}

// IsIndex reports whether the descriptor is of a manifest that lists other manifests.
func (d Descriptor) IsIndex() bool {
	return d.MediaType == IndexType || d.MediaType == DockerIndexType
}

// DescriptorOf reads a descriptor's three fields from a JSON object.
func DescriptorOf(o *ordered.Object) (Descriptor, error) {
	if o == nil {
		return Descriptor{}, errors.New("descriptor missing")
	}
	d := Descriptor{MediaType: o.String("mediaType"), Digest: o.String("digest")}
	number, _ := o.Get("size").(json.Number)
	d.Size, _ = number.Int64()
	_, err := relative(d.Digest)
	return d, err
}

// Dir is the path of a layout's directory.
type Dir string

// Index returns index.json. A layout without a manifest is an error.
func (d Dir) Index() (*ordered.Object, error) {
	data, err := os.ReadFile(filepath.Join(string(d), "index.json"))
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: %w", d, err)
	}
	index, err := ordered.ParseObject(data)
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: index.json: %w", d, err)
	}
	if len(index.List("manifests")) == 0 {
		return nil, fmt.Errorf("reading image layout %q: index.json: no manifests", d)
	}
	return index, nil
}

// Root returns the first manifest of index.json, as its object and as a descriptor.
func (d Dir) Root() (*ordered.Object, Descriptor, error) {
	index, err := d.Index()
	if err != nil {
		return nil, Descriptor{}, err
	}
	entry, _ := index.List("manifests")[0].(*ordered.Object)
	desc, err := DescriptorOf(entry)
	if err != nil {
		return nil, Descriptor{}, fmt.Errorf("reading image layout %q: index.json: %w", d, err)
	}
	return entry, desc, nil
}

// Path returns where the blob of a digest lies, or an error when the digest is malformed.
func (d Dir) Path(digest string) (string, error) {
	rel, err := relative(digest)
	if err != nil {
		return "", err
	}
	return filepath.Join(string(d), rel), nil
}

// relative returns a blob's path inside a layout. Only hexadecimal digests pass: a digest becomes a path.
func relative(digest string) (string, error) {
	algorithm, encoded, ok := strings.Cut(digest, ":")
	_, err := hex.DecodeString(encoded)
	if !ok || err != nil || len(encoded) < 2*sha256.Size || strings.ContainsAny(algorithm, `/\.`) {
		return "", fmt.Errorf("malformed digest %q", digest)
	}
	return filepath.Join("blobs", algorithm, encoded), nil
}

// Object reads a blob that is a JSON object: a manifest, an index or a config.
func (d Dir) Object(digest string) (*ordered.Object, error) {
	data, err := d.Read(digest)
	if err != nil {
		return nil, err
	}
	o, err := ordered.ParseObject(data)
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: blob %s: %w", d, digest, err)
	}
	return o, nil
}

// Read returns a blob's bytes. It is meant for manifests and configs, not for layers.
func (d Dir) Read(digest string) ([]byte, error) {
	path, err := d.Path(digest)
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: %w", d, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading image layout %q: %w", d, err)
	}
	return data, nil
}

// Blobs returns every blob that desc reaches, itself first, each once, parents before children. A manifest that is not
// in the layout (a sparse one) ends the walk there.
func (d Dir) Blobs(desc Descriptor) ([]Descriptor, error) {
	seen := map[string]bool{}
	var all []Descriptor
	var walk func(Descriptor) error
	walk = func(desc Descriptor) error {
		if seen[desc.Digest] {
			return nil
		}
		seen[desc.Digest] = true
		all = append(all, desc)
		children, err := d.children(desc)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, child := range children {
			if err := walk(child); err != nil {
				return err
			}
		}
		return err
	}
	return all, walk(desc)
}

// children lists what a manifest refers to; every other kind of blob has none.
func (d Dir) children(desc Descriptor) ([]Descriptor, error) {
	if !desc.IsIndex() && desc.MediaType != ManifestType && desc.MediaType != DockerManifestType {
		return nil, nil
	}
	manifest, err := d.Object(desc.Digest)
	if err != nil {
		return nil, err
	}
	listed := manifest.List("manifests")
	if !desc.IsIndex() {
		listed = append([]any{manifest.Get("config")}, manifest.List("layers")...)
	}
	var children []Descriptor
	for _, entry := range listed {
		object, _ := entry.(*ordered.Object)
		child, err := DescriptorOf(object)
		if err != nil {
			return nil, fmt.Errorf("reading image layout %q: blob %s: %w", d, desc.Digest, err)
		}
		children = append(children, child)
	}
	return children, nil
}
