package release

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

const (
	provenanceType = "https://slsa.dev/provenance/v1"
	// The package comment is its description.
	buildType = "https://github.com/kubernaut/kubernaut/tree/main/tools/slipway/release"
)

// Run says who releases. The zero value is a person's machine.
type Run struct {
	Builder    string // URI: "https://github.com/kubernaut/kubernaut/.github/workflows/release.yml@refs/tags/v1.2.3"
	Repository string // "https://github.com/kubernaut/kubernaut"
	Invocation string // URL of the run: "https://github.com/kubernaut/kubernaut/actions/runs/1/attempts/1"
}

// localBuilder marks a release that no workflow made.
const localBuilder = "urn:kubernaut:builder:local"

// provenance is an in-toto statement (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) with SLSA's
// provenance (https://slsa.dev/spec/v1.0/provenance) about an index and its images: the commit whose build has their digests,
// and where CI had pushed them when it tested them.
func (r *Release) provenance(s Service) ([]byte, error) {
	predicate, err := r.predicate(s)
	if err != nil {
		return nil, err
	}
	digests := []string{s.Index.Index.Digest}
	for _, d := range s.Index.Images {
		digests = append(digests, d.Manifest.Digest)
	}
	return r.statement(s, provenanceType, predicate, digests...)
}

// statement says something of digests in a service's repository.
func (r *Release) statement(s Service, predicateType string, predicate *structpb.Struct, digests ...string) ([]byte, error) {
	statement := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: predicateType, Predicate: predicate}
	for _, d := range digests {
		statement.Subject = append(statement.Subject, &intoto.ResourceDescriptor{Name: r.to(s), Digest: sha256Of(d)})
	}
	if err := statement.Validate(); err != nil {
		return nil, fmt.Errorf("making statement about %s: %w", s.Index.Label, err)
	}
	return stable(statement)
}

func (r *Release) predicate(s Service) (*structpb.Struct, error) {
	builder := r.Run.Builder
	if builder == "" {
		builder = localBuilder
	}
	parameters, err := structpb.NewStruct(map[string]any{"target": s.Index.Label, "version": r.Decision.Version})
	if err != nil {
		return nil, err
	}
	p := &provenance.Provenance{
		BuildDefinition: &provenance.BuildDefinition{
			BuildType: buildType, ExternalParameters: parameters, ResolvedDependencies: r.dependencies(s),
		},
		RunDetails: &provenance.RunDetails{
			Builder: &provenance.Builder{Id: builder}, Metadata: &provenance.BuildMetadata{InvocationId: r.Run.Invocation},
		},
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("making provenance of %s: %w", s.Index.Label, err)
	}
	data, err := protojson.Marshal(p)
	if err != nil {
		return nil, err
	}
	return object(data)
}

func (r *Release) dependencies(s Service) []*intoto.ResourceDescriptor {
	list := []*intoto.ResourceDescriptor{{Uri: "oci://" + r.from(s) + ":" + r.Decision.Tag, Digest: sha256Of(s.Index.Index.Digest)}}
	if r.Decision.Commit != "" && r.Run.Repository != "" {
		list = append(list, &intoto.ResourceDescriptor{
			Uri: "git+" + r.Run.Repository + "@" + r.Decision.Commit, Digest: map[string]string{"gitCommit": r.Decision.Commit},
		})
	}
	return list
}

func sha256Of(digest string) map[string]string {
	return map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}
}

// object reads JSON as what a statement has as its predicate.
func object(data []byte) (*structpb.Struct, error) {
	var s structpb.Struct
	return &s, protojson.Unmarshal(data, &s)
}

// stable is the message's JSON without white space, which protojson varies from program to program on purpose.
func stable(message proto.Message) ([]byte, error) {
	data, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, data)
	return b.Bytes(), err
}

// spdxStatement is what cosign attests of an SPDX document.
func (r *Release) spdxStatement(s Service, d plan.Descriptor) ([]byte, error) {
	document, err := sbomOf(s, d)
	if err != nil {
		return nil, err
	}
	predicate, err := object(document)
	if err != nil {
		return nil, fmt.Errorf("reading the SBOM of %s for %s: %w", s.Index.Label, d.Platform(), err)
	}
	return r.statement(s, spdxPredicate, predicate, d.Manifest.Digest)
}

// spdxPredicate is https://github.com/in-toto/attestation/blob/main/spec/predicates/spdx.md.
const spdxPredicate = "https://spdx.dev/Document"
