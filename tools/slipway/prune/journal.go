package prune

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// journalTag is the tag of the journal: an OCI artifact whose configuration names the manifests without a tag that a run is
// going to delete. Once an index is gone, nothing but the journal tells a later run of its parts.
const (
	journalTag  = "slipway-prune"
	journalType = "application/vnd.kubernaut.slipway.prune.v1+json"
)

// journal is the configuration's content. Its digests are candidates: a plan decides about them anew.
type journal struct {
	Version   int      `json:"version"` // 1
	Manifests []string `json:"manifests"`
}

// artifact is a manifest to write.
type artifact []byte

// RawManifest implements remote.Taggable.
func (a artifact) RawManifest() ([]byte, error) { return a, nil }

// MediaType is asked for by go-containerregistry.
func (a artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// writeJournal writes it when there is something to remember.
func (r *Repository) writeJournal(ctx context.Context, doomed []Manifest) error {
	j := journal{Version: 1, Manifests: []string{}}
	for _, m := range doomed {
		if len(m.Tags) == 0 {
			j.Manifests = append(j.Manifests, m.Digest)
		}
	}
	if len(j.Manifests) == 0 {
		return nil
	}
	slices.Sort(j.Manifests)
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	config := static.NewLayer(data, journalType)
	digest, _ := config.Digest() // of bytes in memory
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": journalType,
		"config": map[string]any{"mediaType": journalType, "digest": digest.String(), "size": len(data)}, "layers": []any{},
	})
	if err != nil {
		return err
	}
	if err := r.pusher.Upload(ctx, r.repo, config); err != nil {
		return r.explain("writing the journal of", err)
	}
	if err := r.pusher.Put(ctx, r.repo.Tag(journalTag), artifact(manifest)); err != nil {
		return r.explain("writing the journal of", err)
	}
	return nil
}

// readJournal makes the manifests known that a run has left behind.
func (r *Repository) readJournal(ctx context.Context) error {
	got, err := r.puller.Get(ctx, r.repo.Tag(journalTag))
	if status(err) == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return r.explain("reading the journal of", err)
	}
	var manifest struct {
		Config descriptor `json:"config"`
	}
	if err := json.Unmarshal(got.Manifest, &manifest); err != nil || manifest.Config.MediaType != journalType {
		return fmt.Errorf("reading the journal of %s: tag %s is something else", r.name, journalTag)
	}
	data, err := r.blob(ctx, manifest.Config.Digest)
	if err != nil {
		return err
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil || j.Version != 1 {
		return fmt.Errorf("reading the journal of %s: it has version %d, or none: %v", r.name, j.Version, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, digest := range j.Manifests {
		r.known[digest] = true
	}
	return nil
}

func (r *Repository) blob(ctx context.Context, digest string) ([]byte, error) {
	layer, err := r.puller.Layer(ctx, r.repo.Digest(digest))
	if err != nil {
		return nil, r.explain("reading the journal of", err)
	}
	content, err := layer.Compressed()
	if err != nil {
		return nil, r.explain("reading the journal of", err)
	}
	defer content.Close()
	return io.ReadAll(content)
}

// endJournal removes the journal, also that of an earlier run.
func (r *Repository) endJournal(ctx context.Context) error {
	digest, err := r.digest(ctx, journalTag)
	if err != nil || digest == "" {
		return err
	}
	if err := r.Delete(ctx, Manifest{Digest: digest, Tags: []string{journalTag}}); err != nil && err != ErrGone {
		return fmt.Errorf("removing the journal of %s: %w", r.name, err)
	}
	return nil
}
