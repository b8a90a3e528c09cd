// Package image builds one OCI image from layer files, an optional base image and configuration files.
//
// The bytes follow rules_oci 2.3 exactly, because a digest is only as good as they are: keys stand in the order in
// which that version's steps add them, configs have no final newline while manifests and index.json do, and files of
// lists and variables are read with the same quirks (an empty line of an env file is an entry with an empty name, an
// empty argument is dropped, a "created" file is taken with its newline). A base image's own history, annotations and
// unknown fields are kept. The base's other manifests stay in the layout; what nothing refers to any more is left out.
//
// Layers are linked, never read or copied. Multi-platform indexes are package index's.
package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layer"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

// epoch is the creation time of everything that is built: builds are reproducible.
const epoch = "1970-01-01T00:00:00Z"

// ociLayout is the layout's marker file, as the spec words it.
const ociLayout = `{"imageLayoutVersion":"1.0.0"}`

// draft is an image under construction.
type draft struct {
	manifest *ordered.Object
	config   *ordered.Object
	index    *ordered.Object   // index.json, its first manifest is the one that is built
	links    map[string]string // digest → path of a blob that is not written here
}

// Build writes the image that spec describes to spec.Output.
func Build(spec Spec) error {
	d, err := start(spec)
	if err != nil {
		return err
	}
	if err := d.addLayers(spec.Layers); err != nil {
		return err
	}
	if err := d.configure(spec); err != nil {
		return err
	}
	return d.write(layout.Dir(spec.Output))
}

func start(spec Spec) (*draft, error) {
	if spec.Base != "" {
		return fromBase(layout.Dir(spec.Base))
	}
	if spec.Platform.OS == "" || spec.Platform.Architecture == "" {
		return nil, errors.New("'os' and 'architecture' must be set when 'base' is unset")
	}
	return fromScratch(spec.Platform), nil
}

func fromScratch(p Platform) *draft {
	config := ordered.New(
		"created", epoch,
		"config", ordered.New(),
		"history", []any{},
		"rootfs", ordered.New("type", "layers", "diff_ids", []any{}),
		"architecture", p.Architecture,
		"os", p.OS,
	)
	if p.Variant != "" {
		config.Set("variant", p.Variant)
	}
	return &draft{
		manifest: ordered.New(
			"schemaVersion", int64(2),
			"mediaType", layout.ManifestType,
			"config", ordered.New("mediaType", layout.ConfigType, "size", int64(0)),
			"layers", []any{},
		),
		config: config,
		index: ordered.New(
			"schemaVersion", int64(2),
			"mediaType", layout.IndexType,
			"manifests", []any{ordered.New()},
		),
		links: map[string]string{},
	}
}

func fromBase(base layout.Dir) (*draft, error) {
	index, err := base.Index()
	if err != nil {
		return nil, err
	}
	_, root, err := base.Root()
	if err != nil {
		return nil, err
	}
	if root.IsIndex() {
		return nil, fmt.Errorf("reading base image %q: it is an index of several images; set 'base' to one of them", base)
	}
	d := &draft{index: index, links: map[string]string{}}
	if d.manifest, err = base.Object(root.Digest); err != nil {
		return nil, err
	}
	config, err := layout.DescriptorOf(d.manifest.Object("config"))
	if err != nil {
		return nil, fmt.Errorf("reading base image %q: config: %w", base, err)
	}
	if d.config, err = base.Object(config.Digest); err != nil {
		return nil, err
	}
	return d, d.linkBase(base, root)
}

// linkBase records the base's blobs that the result may still need: its layers, and all that its other manifests reach.
func (d *draft) linkBase(base layout.Dir, root layout.Descriptor) error {
	needed, err := base.Blobs(layout.Descriptor{MediaType: manifestType(d.manifest), Digest: root.Digest})
	if err != nil {
		return err
	}
	needed = needed[min(2, len(needed)):] // the manifest and its config are written anew
	for _, entry := range d.index.List("manifests")[1:] {
		object, _ := entry.(*ordered.Object)
		other, err := layout.DescriptorOf(object)
		if err != nil {
			return fmt.Errorf("reading base image %q: index.json: %w", base, err)
		}
		reached, err := base.Blobs(other)
		if err != nil {
			return err
		}
		needed = append(needed, reached...)
	}
	for _, blob := range needed {
		path, err := base.Path(blob.Digest)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue // a sparse layout: the blob is elsewhere
		}
		d.links[blob.Digest] = path
	}
	return nil
}

func (d *draft) addLayers(layers []Layer) error {
	for _, l := range layers {
		desc, err := layer.Load(l.Descriptor)
		if err != nil {
			return err
		}
		if err := d.addLayer(desc); err != nil {
			return err
		}
		d.links[desc.Digest] = l.Path
	}
	return nil
}

func (d *draft) addLayer(desc layer.Descriptor) error {
	rootfs := d.config.Object("rootfs")
	if rootfs == nil {
		return errors.New("reading base image: config: no rootfs")
	}
	rootfs.Set("diff_ids", append(rootfs.List("diff_ids"), desc.DiffID))
	d.config.Set("history", append(d.config.List("history"), ordered.New(
		"created", epoch,
		"created_by", "bazel build "+desc.Label,
	)))
	d.manifest.Set("layers", append(d.manifest.List("layers"), ordered.New(
		"size", desc.Size,
		"digest", desc.Digest,
		"mediaType", layerType(d.manifest, desc.Compression),
	)))
	return nil
}

// write puts the config, the manifest, the index and the links to layers into dir.
func (d *draft) write(dir layout.Dir) error {
	for digest, path := range d.links {
		if err := dir.Link(digest, path); err != nil {
			return err
		}
	}
	config := ordered.Marshal(d.config)
	digest, err := dir.Put(config)
	if err != nil {
		return err
	}
	descriptor := d.manifest.Object("config")
	descriptor.Set("digest", digest)
	descriptor.Set("size", int64(len(config)))
	descriptor.Delete("data") // an embedded copy would be the base's
	manifest := append(ordered.Marshal(d.manifest), '\n')
	if digest, err = dir.Put(manifest); err != nil {
		return err
	}
	index := indexOf(d.index, layout.Descriptor{
		MediaType: manifestType(d.manifest), Digest: digest, Size: int64(len(manifest)),
	})
	return dir.WriteIndex(append(ordered.Marshal(index), '\n'), []byte(ociLayout))
}
