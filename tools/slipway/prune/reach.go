package prune

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// reach finds out what is kept, beginning with what is kept for its own sake.
type reach struct {
	policy   Policy
	byDigest map[string]*Manifest
	attached map[string][]string // digest to those that hang on it, by subject or by tag
	goes     map[string]string   // tag to the reason why it goes; without those that hang on another manifest
	stays    map[string]string   // tag to the reason why it stays; the same
	kept     map[string]string   // digest to the reason
}

// New makes the plan of a repository. It depends on nothing but its arguments. Manifests of pinned, by digest, are kept with
// the reason given, and what they reach with them; it may be nil.
func New(repository string, manifests []Manifest, policy Policy, pinned map[string]string) Plan {
	r := &reach{
		policy: policy, byDigest: map[string]*Manifest{}, attached: map[string][]string{}, goes: map[string]string{}, stays: map[string]string{},
		kept: map[string]string{},
	}
	sorted := slices.SortedFunc(slices.Values(manifests), func(a, b Manifest) int { return cmp.Compare(a.Digest, b.Digest) })
	for i := range sorted {
		r.add(&sorted[i])
	}
	r.judge(sorted)
	for i := range sorted {
		r.keepNamed(&sorted[i])
	}
	for i := range sorted {
		r.keepFresh(&sorted[i])
	}
	for _, digest := range slices.Sorted(maps.Keys(pinned)) {
		r.keep(digest, pinned[digest])
	}
	r.keepUnreadable(sorted)
	if policy.KeepLast {
		r.keepLast(sorted)
	}
	return r.plan(repository, sorted)
}

func (r *reach) add(m *Manifest) {
	r.byDigest[m.Digest] = m
	if m.Subject != "" {
		r.attached[m.Subject] = append(r.attached[m.Subject], m.Digest)
	}
	for _, tag := range m.Tags {
		if subject := subjectOf(tag); subject != "" {
			r.attached[subject] = append(r.attached[subject], m.Digest)
		}
	}
}

func (r *reach) judge(manifests []Manifest) {
	rank := ranks(manifests)
	for _, m := range manifests {
		for _, tag := range m.Tags {
			if !isOwn(tag) {
				continue
			}
			if goes, reason := r.policy.judge(tag, m.Date, rank[tag]); goes {
				r.goes[tag] = reason
			} else {
				r.stays[tag] = reason
			}
		}
	}
}

// keepNamed keeps a manifest with a tag that stays.
func (r *reach) keepNamed(m *Manifest) {
	for _, tag := range m.Tags {
		if r.stays[tag] != "" {
			r.keepTagged(m, "tag "+tag)
			return
		}
	}
}

// keepFresh keeps a fresh manifest without a tag of its own, after all that is kept for longer than the grace.
func (r *reach) keepFresh(m *Manifest) {
	own := slices.ContainsFunc(m.Tags, isOwn)
	if age := r.policy.Now.Sub(m.Date); !own && !m.Date.IsZero() && age < r.policy.Grace {
		r.keep(m.Digest, "no tag yet, but only "+age.Truncate(time.Minute).String()+" old")
	}
}

// keepTagged keeps what a tagged manifest is attached to, too: somebody who has the tag follows it.
func (r *reach) keepTagged(m *Manifest, reason string) {
	r.keep(m.Digest, reason)
	if m.Subject != "" {
		r.keep(m.Subject, "subject of "+short(m.Digest))
	}
}

func (r *reach) keep(digest, reason string) {
	m := r.byDigest[digest]
	if m == nil || r.kept[digest] != "" {
		return
	}
	r.kept[digest] = reason
	for _, child := range m.Children {
		r.keep(child, "part of "+short(digest))
	}
	for _, other := range r.attached[digest] {
		r.keep(other, "attached to "+short(digest))
	}
}

// keepUnreadable keeps all manifests without a tag of their own when one that stays cannot be read: it may need any of them.
func (r *reach) keepUnreadable(manifests []Manifest) {
	i := slices.IndexFunc(manifests, func(m Manifest) bool { return m.Missing && r.kept[m.Digest] != "" })
	if i < 0 {
		return
	}
	for _, m := range manifests {
		if !slices.ContainsFunc(m.Tags, isOwn) {
			r.keep(m.Digest, short(manifests[i].Digest)+" stays, cannot be read, and may need it")
		}
	}
}

// isOwn tells a tag that somebody gave the manifest from one that says what it is attached to.
func isOwn(tag string) bool { return subjectOf(tag) == "" }

// keepLast keeps the newest of the manifests with a tag when none of them stays, and the newest of all when none stays at all.
func (r *reach) keepLast(manifests []Manifest) {
	var tagged, own []Manifest
	for _, m := range manifests {
		if len(m.Tags) == 0 {
			continue
		}
		if r.kept[m.Digest] != "" {
			return
		}
		tagged = append(tagged, m)
		if slices.ContainsFunc(m.Tags, isOwn) {
			own = append(own, m)
		}
	}
	for _, list := range [][]Manifest{own, tagged} {
		if len(list) > 0 {
			r.keepTagged(newest(list), "the package's last version with a tag")
			return
		}
	}
	if len(r.kept) == 0 && len(manifests) > 0 {
		r.keep(newest(manifests).Digest, "the package's last version")
	}
}

func newest(list []Manifest) *Manifest {
	m := slices.MaxFunc(list, func(a, b Manifest) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Digest, b.Digest))
	})
	return &m
}

func (r *reach) plan(repository string, manifests []Manifest) Plan {
	p := Plan{Repository: repository, Tags: []TagVerdict{}, Manifests: []ManifestVerdict{}}
	for _, m := range manifests {
		reason := r.kept[m.Digest]
		v := ManifestVerdict{Digest: m.Digest, Tags: m.Tags, Delete: reason == "", Reason: reason, manifest: m}
		if v.Delete {
			v.Reason = "nothing that stays reaches it"
		}
		p.Manifests = append(p.Manifests, v)
		for _, tag := range m.Tags {
			p.Tags = append(p.Tags, r.tag(tag, m.Digest))
		}
		p.Notes = append(p.Notes, r.notes(m)...)
	}
	slices.SortFunc(p.Tags, func(a, b TagVerdict) int { return cmp.Compare(a.Tag, b.Tag) })
	return p
}

func (r *reach) tag(tag, digest string) TagVerdict {
	v := TagVerdict{Tag: tag, Digest: digest}
	subject := subjectOf(tag)
	switch {
	case subject == "" && r.stays[tag] != "":
		v.Reason = r.stays[tag]
	case subject == "":
		v.Delete, v.Reason = true, r.goes[tag]
	case r.kept[subject] != "":
		v.Reason = "attached to " + short(subject)
	case r.kept[digest] == "":
		v.Delete, v.Reason = true, "attached to "+short(subject)+", which goes or is gone"
	default: // it is what its manifest is kept by, or as good as: a signature that came before its image can be seen
		v.Reason = "its manifest stays: " + r.kept[digest]
	}
	return v
}

func (r *reach) notes(m Manifest) []string {
	var list []string
	if m.Missing {
		list = append(list, fmt.Sprintf("%s is listed, but its content is gone", short(m.Digest)))
	}
	for _, child := range m.Children {
		if r.byDigest[child] == nil {
			list = append(list, fmt.Sprintf("%s lacks its part %s", short(m.Digest), short(child)))
		}
	}
	return list
}

// short is a digest as a person compares it.
func short(digest string) string {
	const shown = len("sha256:") + 12
	if len(digest) <= shown {
		return digest
	}
	return digest[:shown]
}
