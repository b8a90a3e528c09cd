package release

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	emptyimage "github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/registry"
)

// Media types and annotations of https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md and ATTESTATION_SPEC.md.
const (
	payloadType         = "application/vnd.dev.cosign.simplesigning.v1+json"
	envelopeType        = "application/vnd.dsse.envelope.v1+json"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	predicateAnnotation = "predicateType"
	signatureSuffix     = ".sig"
)

// signature is a layer of an image of signatures or attestations.
type signature struct {
	mediaType   string
	data        []byte
	annotations map[string]string
}

// sheet is the image that holds a subject's signatures or its attestations, by its tag.
type sheet struct {
	service Service
	tag     string // "sha256-….sig"
	part    string
	layers  []signature
}

// sign makes the sheets of all indexes and images. What a sheet has already, from a release of the same digest under another
// version or by another key, stays.
func (r *Release) sign(ctx context.Context, m *made, services []Service) error {
	sheets, err := r.sheets(ctx, services)
	if err != nil {
		return err
	}
	existing, err := r.written(ctx, sheets)
	if err != nil {
		return err
	}
	for i, s := range sheets {
		d, err := s.write(m, existing[i])
		if err != nil {
			return fmt.Errorf("writing %s of %s: %w", s.part, s.service.Index.Label, err)
		}
		m.images = append(m.images, registry.Image{Repository: r.to(s.service), Part: s.part, Tags: []string{s.tag}, Descriptor: d})
	}
	return nil
}

// written opens what the registry has of the sheets, nil where it has nothing.
func (r *Release) written(ctx context.Context, sheets []sheet) ([]v1.Image, error) {
	var images []registry.Image
	for _, s := range sheets {
		images = append(images, tagged(s.service, r.to(s.service), s.tag))
	}
	return r.Pusher.Existing(ctx, images)
}

// unsigned are the services that lack one of the signer's signatures. Attestations do not count: they name the run that made them.
func (r *Release) unsigned(ctx context.Context, services []Service) ([]Service, error) {
	sheets, err := r.sheets(ctx, services)
	if err != nil {
		return nil, err
	}
	sheets = slices.DeleteFunc(sheets, func(s sheet) bool { return !strings.HasSuffix(s.tag, signatureSuffix) })
	existing, err := r.written(ctx, sheets)
	if err != nil {
		return nil, err
	}
	lacks := map[string]bool{}
	for i, s := range sheets {
		signed := existing[i] != nil
		if signed {
			if signed, err = has(existing[i], s.layers[0]); err != nil {
				return nil, err
			}
		}
		lacks[s.service.Index.Name] = lacks[s.service.Index.Name] || !signed
	}
	return slices.DeleteFunc(services, func(s Service) bool { return !lacks[s.Index.Name] }), nil
}

func (r *Release) sheets(ctx context.Context, services []Service) ([]sheet, error) {
	var all []sheet
	for _, s := range services {
		index, err := r.sheetsOf(ctx, s, s.Index.Index.Digest, "the index", nil)
		if err != nil {
			return nil, err
		}
		all = append(all, index...)
		for _, d := range s.Index.Images {
			image, err := r.sheetsOf(ctx, s, d.Manifest.Digest, d.Platform(), &d)
			if err != nil {
				return nil, err
			}
			all = append(all, image...)
		}
	}
	return all, nil
}

// sheetsOf are the signatures and the attestations of one digest; d is nil for an index's.
func (r *Release) sheetsOf(ctx context.Context, s Service, digest, what string, d *plan.Descriptor) ([]sheet, error) {
	payload, err := r.payload(ctx, s, digest)
	if err != nil {
		return nil, err
	}
	statement, err := r.provenance(s)
	if err != nil {
		return nil, err
	}
	attested, err := r.envelope(ctx, provenanceType, statement)
	if err != nil {
		return nil, err
	}
	attestations := []signature{attested}
	if d != nil {
		if statement, err = r.spdxStatement(s, *d); err != nil {
			return nil, err
		}
		if attested, err = r.envelope(ctx, spdxPredicate, statement); err != nil {
			return nil, err
		}
		attestations = append(attestations, attested)
	}
	tag := strings.Replace(digest, ":", "-", 1)
	return []sheet{
		{s, tag + signatureSuffix, "signature of " + what, []signature{payload}},
		{s, tag + ".att", "attestations of " + what, attestations},
	}, nil
}

// payload signs a digest: the bytes say what is signed, the annotation is the signature.
func (r *Release) payload(ctx context.Context, s Service, digest string) (signature, error) {
	data, err := json.Marshal(map[string]any{
		"critical": map[string]any{
			"identity": map[string]string{"docker-reference": r.to(s)},
			"image":    map[string]string{"docker-manifest-digest": digest},
			"type":     "cosign container image signature",
		},
		"optional": nil,
	})
	if err != nil {
		return signature{}, err
	}
	signed, err := r.Signer.Sign(ctx, data)
	return signature{payloadType, data, map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(signed)}}, err
}

// envelope signs a statement: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md.
func (r *Release) envelope(ctx context.Context, predicateType string, statement []byte) (signature, error) {
	signer, err := dsse.NewEnvelopeSigner(r.Signer)
	if err != nil {
		return signature{}, err
	}
	envelope, err := signer.SignPayload(ctx, statementType, statement)
	if err != nil {
		return signature{}, err
	}
	data, err := json.Marshal(envelope)
	return signature{envelopeType, data, map[string]string{signatureAnnotation: "", predicateAnnotation: predicateType}}, err
}

// write adds the layers that existing, which may be nil, lacks.
func (s sheet) write(m *made, existing v1.Image) (plan.Descriptor, error) {
	image := existing
	if image == nil {
		image = mutate.ConfigMediaType(mutate.MediaType(emptyimage.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	}
	for _, layer := range s.layers {
		there, err := has(image, layer)
		if err != nil {
			return plan.Descriptor{}, err
		}
		m.memory[content(layer.mediaType, layer.data).Digest] = layer.data
		if there {
			continue
		}
		added := mutate.Addendum{Layer: static.NewLayer(layer.data, types.MediaType(layer.mediaType)), Annotations: layer.annotations}
		if image, err = mutate.Append(image, added); err != nil {
			return plan.Descriptor{}, err
		}
	}
	return describe(s.service, image)
}

func has(image v1.Image, wanted signature) (bool, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return false, err
	}
	digest := content(wanted.mediaType, wanted.data).Digest
	for _, layer := range manifest.Layers {
		if layer.Digest.String() == digest && maps.Equal(layer.Annotations, wanted.annotations) {
			return true, nil
		}
	}
	return false, nil
}

// describe is an image as something to push.
func describe(s Service, image v1.Image) (plan.Descriptor, error) {
	d := plan.Descriptor{Version: plan.Version, Label: s.Index.Label, Name: s.Index.Name}
	manifest, err := image.RawManifest()
	if err != nil {
		return d, err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return d, err
	}
	parsed, err := image.Manifest()
	if err != nil {
		return d, err
	}
	d.Manifest, d.Config = content(string(parsed.MediaType), manifest), content(string(parsed.Config.MediaType), config)
	for _, layer := range parsed.Layers {
		d.Layers = append(d.Layers, plan.Blob{MediaType: string(layer.MediaType), Digest: layer.Digest.String(), Size: layer.Size})
	}
	return d, nil
}
