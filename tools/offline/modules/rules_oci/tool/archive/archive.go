// Package archive writes an image layout as the tar archive that container engines load.
//
// Two formats: "docker" (one image, as of `docker save`: manifest.json, config, layers) and "oci" (an index, as an OCI
// layout with one entry per tag in index.json). Entries have fixed owner, mode and time, so equal images make equal
// archives. Layers keep their compression; engines detect it whatever the entry's name says.
package archive

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/layout"
	"github.com/kubernaut/kubernaut/tools/offline/modules/rules_oci/tool/ordered"
)

// Formats of archives.
const (
	Docker = "docker"
	OCI    = "oci"
)

// entryTime is the modification time of each entry: rules_oci's.
var entryTime = time.Unix(1672560000, 0)

// entry is one file of the archive: data, or the content of a file on disk.
type entry struct {
	name string
	data []byte
	path string
}

// Write writes the image in dir to w. Tags are "repository:tag" names that the engine gives the image; there may be
// none.
func Write(w io.Writer, dir layout.Dir, format string, tags []string) error {
	entries, err := list(dir, format, tags)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	written := map[string]bool{}
	for _, e := range entries {
		if written[e.name] {
			continue // a layer that occurs twice
		}
		written[e.name] = true
		if err := e.write(archive); err != nil {
			return fmt.Errorf("writing archive entry %q: %w", e.name, err)
		}
	}
	return archive.Close()
}

func list(dir layout.Dir, format string, tags []string) ([]entry, error) {
	index, err := dir.Index()
	if err != nil {
		return nil, err
	}
	if n := len(index.List("manifests")); n != 1 {
		return nil, fmt.Errorf("reading image layout %q: one manifest expected, got %d", dir, n)
	}
	top, root, err := dir.Root()
	if err != nil {
		return nil, err
	}
	docker := root.MediaType == layout.DockerManifestType
	switch {
	case format == Docker && (docker || root.MediaType == layout.ManifestType):
		return dockerEntries(dir, root, tags)
	case format == OCI && (docker || root.MediaType == layout.IndexType):
		return ociEntries(dir, index, top, root, tags)
	}
	return nil, fmt.Errorf("'format' %q does not fit media type %q: set format = %q for an oci_image, %q for an oci_image_index",
		format, root.MediaType, Docker, OCI)
}

func dockerEntries(dir layout.Dir, root layout.Descriptor, tags []string) ([]entry, error) {
	blobs, err := dir.Blobs(root)
	if err != nil {
		return nil, err
	}
	manifest, err := dir.Object(root.Digest)
	if err != nil {
		return nil, err
	}
	if len(blobs) < 2 {
		return nil, fmt.Errorf("reading image layout %q: blob %s: no config", dir, root.Digest)
	}
	config := blobName(blobs[1].Digest)
	entries := []entry{{name: config, path: file(dir, blobs[1].Digest)}}
	layers := []any{}
	for _, l := range manifest.List("layers") {
		digest := l.(*ordered.Object).String("digest")
		name := blobName(digest) + ".tar.gz"
		layers = append(layers, name)
		entries = append(entries, entry{name: name, path: file(dir, digest)})
	}
	list := []any{ordered.New("Config", config, "RepoTags", anyList(tags), "Layers", layers)}
	return append(entries, document("manifest.json", list)), nil
}

func ociEntries(dir layout.Dir, index, top *ordered.Object, root layout.Descriptor, tags []string) ([]entry, error) {
	blobs, err := dir.Blobs(root)
	if err != nil {
		return nil, err
	}
	entries := []entry{{name: "oci-layout", path: path.Join(string(dir), "oci-layout")}}
	for _, blob := range blobs {
		entries = append(entries, entry{name: blobName(blob.Digest), path: file(dir, blob.Digest)})
	}
	named := []any{}
	for _, tag := range tags {
		once, annotations := ordered.New(), ordered.New()
		once.Merge(top)
		if kept := top.Object("annotations"); kept != nil {
			annotations.Merge(kept)
		}
		annotations.Set("org.opencontainers.image.ref.name", tag)
		once.Set("annotations", annotations)
		named = append(named, once)
	}
	index.Set("manifests", named)
	return append(entries, document("index.json", index)), nil
}

func (e entry) write(archive *tar.Writer) error {
	if e.path == "" {
		return e.copy(archive, strings.NewReader(string(e.data)), int64(len(e.data)))
	}
	f, err := os.Open(e.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return e.copy(archive, f, info.Size())
}

func (e entry) copy(archive *tar.Writer, content io.Reader, size int64) error {
	// USTAR, unless an entry is larger than its 8 GiB or has a longer name.
	header := &tar.Header{Name: e.name, Mode: 0o755, Size: size, ModTime: entryTime}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}

func document(name string, v any) entry {
	return entry{name: name, data: append(ordered.Marshal(v), '\n')}
}

func blobName(digest string) string { return path.Join("blobs", strings.Replace(digest, ":", "/", 1)) }

func file(dir layout.Dir, digest string) string { return path.Join(string(dir), blobName(digest)) }

func anyList(values []string) []any {
	list := []any{}
	for _, v := range values {
		list = append(list, v)
	}
	return list
}
