package prune

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"
)

// scan is one look at a repository.
type scan struct {
	*Repository
	mu    sync.Mutex
	found map[string]*Manifest // by digest
}

// resolve asks where the tags point. One that is not there any more is left out.
func (s *scan) resolve(ctx context.Context, tags []string) error {
	return each(ctx, s.client.Jobs, tags, func(ctx context.Context, tag string) error {
		if tag == journalTag {
			return nil
		}
		digest, err := s.digest(ctx, tag)
		if err != nil || digest == "" {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.found[digest] == nil {
			s.found[digest] = &Manifest{Digest: digest}
		}
		s.found[digest].Tags = append(s.found[digest].Tags, tag)
		return nil
	})
}

// digest is where the tag points, "" when it is not there.
func (r *Repository) digest(ctx context.Context, tag string) (string, error) {
	head, err := r.puller.Head(ctx, r.repo.Tag(tag))
	if status(err) == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", r.explain("asking for tag "+tag+" of", err)
	}
	return head.Digest.String(), nil
}

// follow finds what the tags lead to, and looks again at what was seen before.
func (s *scan) follow(ctx context.Context) error {
	s.Repository.mu.Lock()
	known := slices.Collect(maps.Keys(s.known))
	s.Repository.mu.Unlock()
	next := slices.Collect(maps.Keys(s.found))
	for _, digest := range known {
		if s.found[digest] == nil {
			s.found[digest] = &Manifest{Digest: digest}
			next = append(next, digest)
		}
	}
	for len(next) > 0 {
		var mu sync.Mutex
		var found []string
		err := each(ctx, s.client.Jobs, next, func(ctx context.Context, digest string) error {
			more, err := s.look(ctx, digest)
			mu.Lock()
			defer mu.Unlock()
			found = append(found, more...)
			return err
		})
		if err != nil {
			return err
		}
		next = next[:0:0]
		for _, digest := range found {
			if s.found[digest] == nil {
				s.found[digest] = &Manifest{Digest: digest}
				next = append(next, digest)
			}
		}
	}
	return nil
}

// look fills in one manifest, and returns those that it leads to.
func (s *scan) look(ctx context.Context, digest string) (more []string, err error) {
	m := s.found[digest] // nobody else has this one; the map itself is not written meanwhile
	slices.Sort(m.Tags)
	tag := ""
	if len(m.Tags) > 0 {
		tag = m.Tags[0]
	}
	c, there, err := s.read(ctx, digest, tag)
	if err != nil {
		return nil, err
	}
	if !there {
		m.Missing = true
		return nil, nil
	}
	m.Children, m.Subject = c.children, c.subject
	attached, err := s.attached(ctx, digest)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(m.Tags, mainTag.MatchString) {
		if m.Date, err = s.dateOf(ctx, c); err != nil {
			return nil, err
		}
	}
	more = append(slices.Clone(c.children), attached...)
	if c.subject != "" {
		more = append(more, c.subject)
	}
	return more, nil
}

// dateOf is when an image was built, as its annotation or its configuration says; an index's first entry stands for all.
func (s *scan) dateOf(ctx context.Context, c content) (time.Time, error) {
	if c.date.IsZero() && c.config == "" && len(c.children) > 0 {
		child, there, err := s.read(ctx, c.children[0], "")
		if err != nil || !there {
			return time.Time{}, err
		}
		c = child
	}
	if !c.date.IsZero() || c.config == "" {
		return c.date, nil
	}
	layer, err := s.puller.Layer(ctx, s.repo.Digest(c.config))
	if err != nil {
		return time.Time{}, s.explain("reading a configuration of", err)
	}
	r, err := layer.Compressed()
	if err != nil {
		if status(err) == http.StatusNotFound {
			return time.Time{}, nil
		}
		return time.Time{}, s.explain("reading a configuration of", err)
	}
	defer r.Close()
	var config struct {
		Created string `json:"created"`
	}
	if err := json.NewDecoder(io.LimitReader(r, 16<<20)).Decode(&config); err != nil {
		return time.Time{}, nil // not an image's: it has no date
	}
	return date(config.Created), nil
}

// list leaves out untagged manifests that are gone: an index that lacks a part is said to, see Plan.Notes.
func (s *scan) list() []Manifest {
	s.Repository.mu.Lock()
	defer s.Repository.mu.Unlock()
	var list []Manifest
	for _, m := range s.found {
		if m.Missing && len(m.Tags) == 0 {
			delete(s.known, m.Digest)
			continue
		}
		if len(m.Tags) == 0 {
			s.known[m.Digest] = true
		}
		list = append(list, *m)
	}
	return list
}

var nextLink = regexp.MustCompile(`<([^>]+)>\s*;\s*rel="?next"?`)

// nextPage is https://www.rfc-editor.org/rfc/rfc8288 as registries use it; "" on the last page. A page of another host gets no
// request, because it would get the token with it.
func nextPage(resp *http.Response) (string, error) {
	m := nextLink.FindStringSubmatch(resp.Header.Get("Link"))
	if m == nil {
		return "", nil
	}
	at, err := resp.Request.URL.Parse(m[1])
	if err != nil {
		return "", err
	}
	if at.Host != resp.Request.URL.Host {
		return "", fmt.Errorf("the next page is on another host, %s", at.Host)
	}
	return at.String(), nil
}
