// Package plan decodes and validates what Bazel decided: the suite's plan and its images' descriptors. It also holds the
// one decision of a run, where the images go.
//
// The package is pure: it reads no file and no environment and imports the standard library alone. Bad input is an error
// that names the label and the field.
package plan

import "fmt"

// Version is the format of plan and descriptor that this package reads.
const Version = 1

// Plan is one suite, as tools/e2e writes it into <suite>.plan.json. Paths are rlocation paths of runfiles.
type Plan struct {
	Version   int        `json:"version"`
	Label     string     `json:"label"`     // "//test/e2e:gateway"
	Name      string     `json:"name"`      // "gateway"
	Namespace string     `json:"namespace"` // the platform namespace, "kubernaut-system"
	Images    []Image    `json:"images"`
	Manifests []Manifest `json:"manifests"` // applied in this order, custom resource definitions and namespaces first
	Expose    []Expose   `json:"expose"`    // Services that the test reaches from the host
	Cluster   Cluster    `json:"cluster"`
	Test      Test       `json:"test"`
}

// Image is one image of the suite.
type Image struct {
	Name       string `json:"name"`             // service name = repository = placeholder in manifests: "gateway"
	Label      string `json:"label"`            // "//services/gateway:image"
	Descriptor string `json:"descriptor"`       // rlocation path of the Descriptor's JSON
	Layout     string `json:"layout,omitempty"` // rlocation path of the OCI layout; empty with --//tools/oci:layers=cache
}

// Manifest is one Kubernetes manifest file.
type Manifest struct {
	Path  string `json:"path"`  // rlocation path
	Short string `json:"short"` // workspace path, for messages: "services/gateway/deploy/gateway.yaml"
}

// Expose asks for a host port that reaches one port of one Service. The runner adds a NodePort Service beside the named
// one and hands the test http://127.0.0.1:<port> in the environment variable Env.
type Expose struct {
	Service string `json:"service"` // "data-storage-service"
	Port    string `json:"port"`    // the Service port's name, "http"
	Env     string `json:"env"`     // "DATA_STORAGE_URL"
}

// Cluster says what kind of cluster the suite wants. Equal values may share one cluster.
type Cluster struct {
	NodeImage string `json:"nodeImage"` // rlocation path of a NodeImage's JSON
	Config    string `json:"config"`    // rlocation path of a kind v1alpha4 configuration; the runner adds ports and mounts
}

// NodeImage identifies the image of the kind nodes.
type NodeImage struct {
	Reference string `json:"reference"` // what the engine knows it by: "kindest/node:v1.37.0@sha256:…" or "kubernaut/node:…"
	Digest    string `json:"digest"`    // "sha256:…": manifest digest with internet, image id of the offline build
}

// Test is the suite's test binary.
type Test struct {
	Binary  string            `json:"binary"` // rlocation path
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`
	Timeout string            `json:"timeout"` // Go duration, "10m"
}

// Blob names content by its OCI descriptor (https://github.com/opencontainers/image-spec/blob/main/descriptor.md).
type Blob struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"` // "sha256:<64 lower-case hex digits>"
	Size      int64  `json:"size"`   // bytes
}

// String is how messages show a blob.
func (b Blob) String() string { return fmt.Sprintf("%s %s of %d bytes", b.MediaType, b.Digest, b.Size) }

// Descriptor stands for a single-platform image without its layers: a few KB that any machine can hold.
// tools/oci's image_descriptor writes it as <name>.descriptor.json.
type Descriptor struct {
	Version      int      `json:"version"`
	Label        string   `json:"label"`        // "//services/gateway:image"
	Name         string   `json:"name"`         // "gateway"
	Manifest     Content  `json:"manifest"`     // the manifest and its bytes
	Config       Content  `json:"config"`       // the configuration and its bytes
	Layers       []Blob   `json:"layers"`       // in the manifest's order
	DiffIDs      []string `json:"diffIDs"`      // digests of the uncompressed layers, in the same order
	OS           string   `json:"os"`           // "linux"
	Architecture string   `json:"architecture"` // "amd64"

	// Upstreams are the repositories that a layer can also be read from, by the layer's digest and in the order to ask:
	// "gcr.io/distroless/static". The layers are those of a base image that was pulled; others have none.
	Upstreams map[string][]string `json:"upstreams,omitempty"`
}

// Content is a blob together with its bytes (base64 in JSON).
type Content struct {
	Blob
	Data []byte `json:"data"`
}
