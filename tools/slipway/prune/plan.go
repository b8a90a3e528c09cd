package prune

import "slices"

// Plan is what a policy makes of a repository's manifests.
type Plan struct {
	Repository string            `json:"repository"` // "ghcr.io/kubernaut/kubernaut/gateway"
	Tags       []TagVerdict      `json:"tags"`       // by name
	Manifests  []ManifestVerdict `json:"manifests"`  // by digest
	Notes      []string          `json:"notes,omitempty"`
	Whole      bool              `json:"whole,omitempty"` // nothing is left, and the repository itself goes
}

// TagVerdict is what becomes of a tag.
type TagVerdict struct {
	Tag    string `json:"tag"`
	Digest string `json:"digest"`
	Delete bool   `json:"delete"`
	Reason string `json:"reason"`
}

// ManifestVerdict is what becomes of a manifest.
type ManifestVerdict struct {
	Digest string   `json:"digest"`
	Tags   []string `json:"tags,omitempty"`
	Delete bool     `json:"delete"`
	Reason string   `json:"reason"`

	manifest Manifest
}

// Counts are how many of each there are in a plan.
type Counts struct {
	TagsKept         int `json:"tagsKept"`
	TagsDeleted      int `json:"tagsDeleted"`
	ManifestsKept    int `json:"manifestsKept"`
	ManifestsDeleted int `json:"manifestsDeleted"`
}

// Add adds those of another plan.
func (c *Counts) Add(o Counts) {
	c.TagsKept += o.TagsKept
	c.TagsDeleted += o.TagsDeleted
	c.ManifestsKept += o.ManifestsKept
	c.ManifestsDeleted += o.ManifestsDeleted
}

// Counts counts the plan's verdicts.
func (p Plan) Counts() Counts {
	var c Counts
	for _, t := range p.Tags {
		if t.Delete {
			c.TagsDeleted++
		} else {
			c.TagsKept++
		}
	}
	for _, m := range p.Manifests {
		if m.Delete {
			c.ManifestsDeleted++
		} else {
			c.ManifestsKept++
		}
	}
	return c
}

// Empty: there is nothing to delete.
func (p Plan) Empty() bool {
	c := p.Counts()
	return c.TagsDeleted+c.ManifestsDeleted == 0
}

// doomed are the manifests that go.
func (p Plan) doomed() []Manifest {
	var list []Manifest
	for _, v := range p.Manifests {
		if v.Delete {
			list = append(list, v.manifest)
		}
	}
	return list
}

// loose are the tags that go while their manifests stay.
func (p Plan) loose() []TagVerdict {
	goes := map[string]bool{}
	for _, m := range p.doomed() {
		goes[m.Digest] = true
	}
	return slices.DeleteFunc(slices.Clone(p.Tags), func(t TagVerdict) bool { return !t.Delete || goes[t.Digest] })
}
