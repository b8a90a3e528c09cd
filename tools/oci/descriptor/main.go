// Descriptor writes the descriptor of an image: manifest, configuration, and the layers' digests and sizes, a few KB that
// stand for the image wherever its bytes are not needed. With --tested it is that of an index and of all its images.
//
// The image is an OCI layout directory (https://github.com/opencontainers/image-spec/blob/main/image-layout.md) with one
// manifest for one platform, or one index. Its blobs may be regular files or symbolic links: a locally built layout has links, one from
// a remote cache has files. Layers are held against their sizes; their bytes are not read, delivery verifies them.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "descriptor: error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("descriptor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	layout := flags.String("layout", "", "the image's OCI layout directory")
	label := flags.String("label", "", "the image's Bazel label")
	name := flags.String("name", "", "the image's name: repository, placeholder and key in suites")
	output := flags.String("output", "", "the descriptor to write")
	base := flags.String("base", "", "OCI layout directory of the image below, whose layers the upstreams have; unset, they have all layers")
	var upstreams []string
	flags.Func("upstream", "repository that layers can be read from, \"gcr.io/distroless/static\"; as often as wanted, in the order to ask", func(value string) error {
		upstreams = append(upstreams, value)
		return nil
	})
	tested := flags.String("tested", "", "the descriptor of the image that an index must have")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for flag, value := range map[string]string{"layout": *layout, "label": *label, "name": *name, "output": *output} {
		if value == "" {
			return fmt.Errorf("--%s is missing", flag)
		}
	}
	data, err := describeAny(*layout, *label, *name, *tested, *base, upstreams)
	if err != nil {
		return fmt.Errorf("describing %s: %w", *label, err)
	}
	return os.WriteFile(*output, data, 0o644)
}

// describeAny returns the JSON of an image's descriptor, or with tested of an index's.
func describeAny(dir, label, name, tested, base string, upstreams []string) ([]byte, error) {
	if tested != "" {
		return describeIndex(dir, label, name, tested)
	}
	d, err := describe(dir, label, name)
	if err == nil {
		err = addUpstreams(&d, base, upstreams)
	}
	if err != nil {
		return nil, err
	}
	return encode(d)
}

// describe reads the layout.
func describe(dir, label, name string) (plan.Descriptor, error) {
	d := plan.Descriptor{Version: plan.Version, Label: label, Name: name}
	var err error
	if d.Manifest, err = rootContent(dir); err != nil {
		return d, err
	}
	return d, fill(&d, dir)
}

// encode returns JSON that slipway takes.
func encode(d plan.Descriptor) ([]byte, error) {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	if _, err := plan.DecodeDescriptor(d.Name, data); err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}

// rootContent returns the one manifest of the layout's index with its bytes.
func rootContent(dir string) (plan.Content, error) {
	root, err := rootManifest(dir)
	if err != nil {
		return plan.Content{}, err
	}
	return content(dir, "manifest", root)
}

// rootManifest returns the one manifest of the layout's index, which is that of one platform.
func rootManifest(dir string) (plan.Blob, error) {
	root, err := onlyManifest(dir)
	if err == nil && (strings.Contains(root.MediaType, "index") || strings.Contains(root.MediaType, "manifest.list")) {
		err = fmt.Errorf("index.json must have the manifest of one platform, got %q; describe the image of one platform instead", root.MediaType)
	}
	return root, err
}

// onlyManifest returns what the layout holds: an image or an index.
func onlyManifest(dir string) (plan.Blob, error) {
	var marker struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := readJSON(filepath.Join(dir, "oci-layout"), &marker); err != nil {
		return plan.Blob{}, fmt.Errorf("%w (is it an OCI layout directory?)", err)
	}
	if marker.Version != "1.0.0" {
		return plan.Blob{}, fmt.Errorf("the layout's version must be 1.0.0, got %q", marker.Version)
	}
	var index struct {
		Manifests []plan.Blob `json:"manifests"`
	}
	if err := readJSON(filepath.Join(dir, "index.json"), &index); err != nil {
		return plan.Blob{}, err
	}
	if len(index.Manifests) != 1 {
		return plan.Blob{}, fmt.Errorf("index.json must have one manifest, got %d; describe the image of one platform instead", len(index.Manifests))
	}
	return index.Manifests[0], nil
}

type manifest struct {
	Config plan.Blob   `json:"config"`
	Layers []plan.Blob `json:"layers"`
}

func decodeManifest(data []byte) (m manifest, err error) {
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("reading the manifest: %w", err)
	}
	return m, nil
}

// fill adds what the manifest and the configuration say.
func fill(d *plan.Descriptor, dir string) error {
	manifest, err := decodeManifest(d.Manifest.Data)
	if err != nil {
		return err
	}
	if d.Config, err = content(dir, "configuration", manifest.Config); err != nil {
		return err
	}
	var config struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		RootFS       struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(d.Config.Data, &config); err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	d.OS, d.Architecture = config.OS, config.Architecture
	d.Layers, d.DiffIDs = append([]plan.Blob{}, manifest.Layers...), append([]string{}, config.RootFS.DiffIDs...)
	for i, layer := range d.Layers {
		if err := checkSize(dir, fmt.Sprintf("layer %d", i), layer); err != nil {
			return err
		}
	}
	return nil
}

// blobPath returns where the layout has the blob; the digest becomes part of a path only when it is one.
func blobPath(dir string, blob plan.Blob) (string, error) {
	if err := blob.Check(); err != nil {
		return "", err
	}
	return filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(blob.Digest, "sha256:")), nil
}

// checkSize follows symbolic links.
func checkSize(dir, what string, blob plan.Blob) error {
	path, err := blobPath(dir, blob)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, pathless(err, blob))
	}
	if info.Size() != blob.Size {
		return fmt.Errorf("%s %s must have %d bytes, got %d", what, blob.Digest, blob.Size, info.Size())
	}
	return nil
}

func content(dir, what string, blob plan.Blob) (plan.Content, error) {
	if err := checkSize(dir, what, blob); err != nil {
		return plan.Content{}, err
	}
	path, err := blobPath(dir, blob)
	if err != nil {
		return plan.Content{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return plan.Content{}, fmt.Errorf("reading %s: %w", what, pathless(err, blob))
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(data)); got != blob.Digest {
		return plan.Content{}, fmt.Errorf("%s must have digest %s, got %s", what, blob.Digest, got)
	}
	return plan.Content{Blob: blob, Data: data}, nil
}

// pathless names the blob instead of the sandbox's path.
func pathless(err error, blob plan.Blob) error {
	if pathError := new(os.PathError); errors.As(err, &pathError) {
		return fmt.Errorf("blob %s: %w", blob.Digest, pathError.Err)
	}
	return err
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Base(path), err)
	}
	return nil
}
