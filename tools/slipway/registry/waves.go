package registry

import (
	"context"
	"encoding/json"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// waves orders manifests: those of images, then indexes, whose images a registry wants to have, then what refers to them. A
// wave has one referrer of a subject at most, because a registry without the referrers API has a list of them that is read,
// extended and written back: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema.
func waves(states []*state) [][]*state {
	images, indexes := []*state{}, []*state{}
	var referrers [][]*state
	of := map[string]int{} // "repository@subject" to the number of referrers so far
	for _, st := range states {
		subject := subjectOf(st.image)
		switch {
		case subject != "":
			key := st.image.Repository + "@" + subject
			if of[key] == len(referrers) {
				referrers = append(referrers, nil)
			}
			referrers[of[key]] = append(referrers[of[key]], st)
			of[key]++
		case len(st.image.Descriptor.Blobs()) == 0:
			indexes = append(indexes, st)
		default:
			images = append(images, st)
		}
	}
	return append([][]*state{images, indexes}, referrers...)
}

// subjectOf is the digest that a manifest refers to: https://github.com/opencontainers/image-spec/blob/main/manifest.md.
func subjectOf(image Image) string {
	var m struct {
		Subject struct {
			Digest string `json:"digest"`
		} `json:"subject"`
	}
	json.Unmarshal(image.Descriptor.Manifest.Data, &m) //nolint:errcheck // what is no JSON has no subject
	return m.Subject.Digest
}

// listed reports whether the registry lists a referrer under its subject. One without the referrers API does so when it has
// been told, which a push that broke off may have left out.
func (s *session) listed(ctx context.Context, st *state, subject string) (bool, error) {
	index, err := remote.Referrers(st.repo.Digest(subject), append([]remote.Option{remote.WithContext(ctx)}, s.options...)...)
	if err != nil {
		return false, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return false, err
	}
	for _, entry := range manifest.Manifests {
		if entry.Digest.String() == st.image.Descriptor.Manifest.Digest {
			return true, nil
		}
	}
	return false, nil
}
