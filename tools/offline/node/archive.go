package node

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// image is one member of a docker-archive.
type image struct {
	// Tags are full references; all name this image.
	Tags []string
	// Layers, the lowest first. Images of one archive may share them.
	Layers []*layer
	Config config
}

// config is the part of an image configuration that these images set.
// https://github.com/opencontainers/image-spec/blob/main/config.md
type config struct {
	Env        []string `json:",omitempty"`
	Entrypoint []string `json:",omitempty"`
	StopSignal string   `json:",omitempty"`
}

// layer is written twice from its entries, first to learn size and digest, so
// that no copy of it has to be on the disk.
type layer struct {
	entries []entry
	zipped  bool // gzip: a store that keeps the layer as it came takes a third of the disk
	size    int64
	digest  string // hex SHA-256 of the tar, the layer's diffID
}

func (l *layer) measure() error {
	if l.digest != "" {
		return nil
	}
	counter := &countingWriter{w: io.Discard}
	digest, err := l.write(counter)
	if err != nil {
		return err
	}
	l.size, l.digest = counter.n, digest
	return nil
}

// name in the archive.
func (l *layer) name() string {
	if l.zipped {
		return l.digest + ".tar.gz"
	}
	return l.digest + ".tar"
}

// write returns the digest of the tar, whether it is compressed or not.
func (l *layer) write(w io.Writer) (string, error) {
	hash := sha256.New()
	if !l.zipped {
		err := writeLayer(io.MultiWriter(w, hash), l.entries)
		return hex.EncodeToString(hash.Sum(nil)), err
	}
	zip := gzip.NewWriter(w)
	err := errors.Join(writeLayer(io.MultiWriter(zip, hash), l.entries), zip.Close())
	return hex.EncodeToString(hash.Sum(nil)), err
}

// manifest is one element of manifest.json.
// https://github.com/moby/moby/blob/v20.10.24/image/spec/v1.2.md#combined-image-json--filesystem-changeset-format
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

type imageJSON struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Created      string `json:"created"`
	Config       config `json:"config"`
	RootFS       rootFS `json:"rootfs"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

// writeArchive writes the images in the form that `docker load` and `ctr images
// import` read. The same inputs give the same bytes.
func writeArchive(w io.Writer, images []image) error {
	archive := tar.NewWriter(w)
	written := map[string]bool{}
	var manifests []manifest
	for _, img := range images {
		m, data, err := describe(img)
		if err != nil {
			return err
		}
		for _, l := range img.Layers {
			if err := addLayer(archive, l, written); err != nil {
				return err
			}
		}
		if err := addData(archive, m.Config, data, written); err != nil {
			return err
		}
		manifests = append(manifests, m)
	}
	data, err := json.Marshal(manifests)
	if err != nil {
		return err
	}
	if err := addData(archive, "manifest.json", data, written); err != nil {
		return err
	}
	return archive.Close()
}

// describe makes an image's configuration; its digest is the image's ID.
func describe(img image) (manifest, []byte, error) {
	m := manifest{RepoTags: img.Tags}
	content := imageJSON{
		Architecture: runtime.GOARCH, OS: "linux", Created: "1970-01-01T00:00:00Z",
		Config: img.Config, RootFS: rootFS{Type: "layers"},
	}
	for _, l := range img.Layers {
		if err := l.measure(); err != nil {
			return m, nil, err
		}
		m.Layers = append(m.Layers, l.name())
		content.RootFS.DiffIDs = append(content.RootFS.DiffIDs, "sha256:"+l.digest)
	}
	data, err := json.Marshal(content)
	sum := sha256.Sum256(data)
	m.Config = hex.EncodeToString(sum[:]) + ".json"
	return m, data, err
}

// addLayer refuses a layer whose files changed after it was measured.
func addLayer(archive *tar.Writer, l *layer, written map[string]bool) error {
	name := l.name()
	if written[name] {
		return nil
	}
	written[name] = true
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: l.size}); err != nil {
		return err
	}
	got, err := l.write(archive)
	if err != nil {
		return err
	}
	if got != l.digest {
		return fmt.Errorf("packing layer %s: its files changed meanwhile (now %s)", l.digest, got)
	}
	return nil
}

func addData(archive *tar.Writer, name string, data []byte, written map[string]bool) error {
	if written[name] {
		return nil
	}
	written[name] = true
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
		return err
	}
	_, err := archive.Write(data)
	return err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
