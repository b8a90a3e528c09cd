package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

const (
	manifestType  = "application/vnd.oci.image.manifest.v1+json"
	spdxType      = "application/spdx+json"
	statementType = "application/vnd.in-toto+json" // https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md
)

// empty is the configuration of a manifest that needs none:
// https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor.
func empty() plan.Content { return content("application/vnd.oci.empty.v1+json", []byte("{}")) }

func content(mediaType string, data []byte) plan.Content {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	return plan.Content{Blob: plan.Blob{MediaType: mediaType, Digest: digest, Size: int64(len(data))}, Data: data}
}

// attach makes what refers to a service's images: what is in each, and where the index comes from.
func (r *Release) attach(m *made, s Service) error {
	for _, d := range s.Index.Images {
		document, err := sbomOf(s, d)
		if err != nil {
			return err
		}
		if err := m.refer(r, s, d.Manifest.Blob, content(spdxType, document), "SBOM of "+d.Platform(), nil); err != nil {
			return err
		}
	}
	statement, err := r.provenance(s)
	if err != nil {
		return err
	}
	return m.refer(r, s, s.Index.Index.Blob, content(statementType, statement), "provenance", map[string]string{"in-toto.io/predicate-type": provenanceType})
}

// sbomOf is the document of an image, which must be about that very image.
func sbomOf(s Service, d plan.Descriptor) ([]byte, error) {
	document := s.SBOMs[d.Platform()]
	if document == nil {
		return nil, fmt.Errorf("%s has no SBOM for %s", s.Index.Label, d.Platform())
	}
	if !bytes.Contains(document, []byte(d.Manifest.Digest)) {
		return nil, fmt.Errorf("the SBOM of %s for %s is not about %s", s.Index.Label, d.Platform(), d.Manifest.Digest)
	}
	return document, nil
}

// refer adds a manifest with one layer that refers to subject.
func (m *made) refer(r *Release, s Service, subject plan.Blob, layer plan.Content, part string, annotations map[string]string) error {
	config := empty()
	entries := []v1.Descriptor{}
	for _, b := range []plan.Blob{config.Blob, layer.Blob, subject} {
		digest, err := v1.NewHash(b.Digest)
		if err != nil {
			return err
		}
		entries = append(entries, v1.Descriptor{MediaType: types.MediaType(b.MediaType), Digest: digest, Size: b.Size})
	}
	data, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: manifestType, ArtifactType: layer.MediaType,
		Config: entries[0], Layers: entries[1:2], Subject: &entries[2], Annotations: annotations,
	})
	if err != nil {
		return err
	}
	m.memory[layer.Digest] = layer.Data
	m.images = append(m.images, registry.Image{
		Repository: r.to(s), Part: part,
		Descriptor: plan.Descriptor{
			Version: plan.Version, Label: s.Index.Label, Name: s.Index.Name,
			Manifest: content(manifestType, data), Config: config, Layers: []plan.Blob{layer.Blob},
		},
	})
	return nil
}
