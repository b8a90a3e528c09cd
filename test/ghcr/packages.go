package ghcr

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Package is a repository of the registry, as GitHub sees it. A push makes one that is private, and linked to the repository of a
// workflow's token.
type Package struct {
	Name       string // owner first: "kubernaut/kubernaut/gateway"
	Public     bool
	Repository string // that it is linked to: "kubernaut/kubernaut"; may be empty
}

// Version is a manifest.
type Version struct {
	ID               int64
	Digest           string
	Tags             []string // sorted; those of REST, which shows new ones at once
	Created, Updated time.Time
}

// stored is a package with its versions.
type stored struct {
	Package
	id       int64
	created  time.Time
	versions map[string]*Version // by digest
	tags     map[string]*tagged
}

// tagged is where a tag points. Readers see the digest before for so many reads more.
type tagged struct {
	digest, before string
	unseen         int
}

// create makes a package. The caller holds mu, or is alone.
func (s *Server) create(p Package) *stored {
	s.lastID++
	made := &stored{Package: p, id: s.lastID, created: s.now().UTC(), versions: map[string]*Version{}, tags: map[string]*tagged{}}
	s.packages[p.Name] = made
	return made
}

// record notes a manifest that was written; tag may be empty.
func (s *Server) record(name, digest, tag string, account *Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packages[name]
	if p == nil {
		p = s.create(Package{Name: name, Repository: account.Repository})
	}
	v := p.versions[digest]
	if v == nil {
		s.lastID++
		v = &Version{ID: s.lastID, Digest: digest, Created: s.now().UTC()}
		p.versions[digest] = v
	}
	v.Updated = s.now().UTC()
	if tag != "" {
		p.tag(tag, digest, s.options.TagLag)
	}
}

// tag points the tag to the digest, which takes it from the version that had it.
func (p *stored) tag(tag, digest string, unseen int) {
	old := p.tags[tag]
	if old != nil && old.digest == digest {
		return
	}
	next := &tagged{digest: digest, unseen: unseen}
	if old != nil {
		next.before = old.digest
		v := p.versions[old.digest]
		v.Tags = slices.DeleteFunc(v.Tags, func(t string) bool { return t == tag })
	}
	p.tags[tag] = next
	v := p.versions[digest]
	v.Tags = append(v.Tags, tag)
	slices.Sort(v.Tags)
}

// seen is what a reader sees of the tag now; each look brings the write nearer.
func (t *tagged) seen() string {
	if t.unseen > 0 {
		t.unseen--
		return t.before
	}
	return t.digest
}

// resolve returns "" for a tag that is not there, or not seen yet.
func (s *Server) resolve(name, tag string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.packages[name]; p != nil && p.tags[tag] != nil {
		return p.tags[tag].seen()
	}
	return ""
}

// remove deletes a version with its tags. The caller holds mu.
func (s *Server) remove(r *http.Request, p *stored, v *Version) {
	delete(p.versions, v.Digest)
	maps.DeleteFunc(p.tags, func(_ string, t *tagged) bool { return t.digest == v.Digest })
	inner := r.Clone(r.Context())
	inner.Method, inner.URL = http.MethodDelete, &url.URL{Path: "/v2/" + p.Name + "/manifests/" + v.Digest}
	s.inner.ServeHTTP(discard{header: http.Header{}}, inner)
}

// Package returns false when there is none.
func (s *Server) Package(name string) (Package, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packages[name]
	if p == nil {
		return Package{}, false
	}
	return p.Package, true
}

// SetPackage changes what is known about a package, or makes it.
func (s *Server) SetPackage(p Package) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.packages[p.Name]; old != nil {
		old.Package = p
		return
	}
	s.create(p)
}

// Versions returns the package's, newest first.
func (s *Server) Versions(name string) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packages[name]
	if p == nil {
		return nil
	}
	return p.list()
}

func (p *stored) list() []Version {
	var list []Version
	for _, v := range p.versions {
		copied := *v
		copied.Tags = slices.Clone(v.Tags)
		list = append(list, copied)
	}
	slices.SortFunc(list, func(a, b Version) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
	})
	return list
}

// Digest is where the tag points, whatever readers see; empty when it is not there.
func (s *Server) Digest(name, tag string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.packages[name]; p != nil && p.tags[tag] != nil {
		return p.tags[tag].digest
	}
	return ""
}

// SetTime makes a version as old as that, which is how a test ages it.
func (s *Server) SetTime(name, digest string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.packages[name]; p != nil && p.versions[digest] != nil {
		p.versions[digest].Created, p.versions[digest].Updated = at.UTC(), at.UTC()
	}
}

// listTags is https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags, in pages.
func (s *Server) listTags(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.packages[name]
	if p == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	last := r.URL.Query().Get("last")
	var tags []string
	for tag, t := range p.tags {
		if t.seen() != "" && tag > last {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	size := s.pageSize()
	if n, err := strconv.Atoi(r.URL.Query().Get("n")); err == nil && n > 0 {
		size = min(n, size)
	}
	if len(tags) > size {
		tags = tags[:size]
		next := url.Values{"last": {tags[size-1]}, "n": {strconv.Itoa(size)}}
		w.Header().Set("Link", fmt.Sprintf(`</v2/%s/tags/list?%s>; rel="next"`, name, next.Encode()))
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": tags})
}

// split divides a package's name into owner and what REST calls its name.
func split(name string) (owner, rest string) {
	owner, rest, _ = strings.Cut(name, "/")
	return owner, rest
}
