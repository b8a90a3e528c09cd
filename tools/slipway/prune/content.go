package prune

import (
	"encoding/json"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// content is what a manifest says of others. It never changes, its digest being what it is.
type content struct {
	children []string
	subject  string
	config   string    // digest of an image's configuration
	date     time.Time // of the annotation; zero without one
}

// created is https://github.com/opencontainers/image-spec/blob/main/annotations.md.
const created = "org.opencontainers.image.created"

type descriptor struct {
	MediaType types.MediaType `json:"mediaType"`
	Digest    string          `json:"digest"`
}

// parse reads an image manifest or an index, OCI's or Docker's. Others, such as Docker's first schema, say nothing of others.
func parse(data []byte) (content, error) {
	var m struct {
		Config      descriptor        `json:"config"`
		Manifests   []descriptor      `json:"manifests"`
		Subject     descriptor        `json:"subject"`
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return content{}, err
	}
	c := content{subject: m.Subject.Digest, date: date(m.Annotations[created])}
	for _, child := range m.Manifests {
		c.children = append(c.children, child.Digest)
	}
	if m.Config.MediaType.IsConfig() {
		c.config = m.Config.Digest
	}
	return c, nil
}

// date reads RFC 3339. Builds whose bytes do not depend on the time write the first second of 1970, or of 1980 as some
// archives do, which says nothing.
func date(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() <= 1980 {
		return time.Time{}
	}
	return at
}
