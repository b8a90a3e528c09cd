package prune

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-github/v74/github"

	"github.com/kubernaut/kubernaut/tools/slipway/fault"
	access "github.com/kubernaut/kubernaut/tools/slipway/github"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
)

const (
	pageSize = 100 // most that GitHub gives
	listings = 5   // until two agree
)

// Package is a Store in GitHub's container registry: https://docs.github.com/en/rest/packages/packages. Versions, which are
// manifests, are listed and deleted through REST; what they say of each other is read from the registry.
//
// A tag cannot be removed without its version, and neither can the last version with a tag without the package.
type Package struct {
	repository string // "ghcr.io/owner/path"
	owner      string
	path       string
	github     *GitHub
	reader     *Repository
	jobs       int

	mu     sync.Mutex
	ids    map[string]int64 // digest to the version's
	scopes string           // of a personal token, as of the last listing; empty for a workflow's
}

// OpenPackage asks the registry for a token to read.
func OpenPackage(ctx context.Context, client Client, api *GitHub, repository string) (*Package, error) {
	reader, err := OpenRepository(ctx, client, repository, false)
	if err != nil {
		return nil, err
	}
	owner, path, _ := strings.Cut(reader.repo.RepositoryStr(), "/")
	if path == "" {
		return nil, fmt.Errorf("reading %s: it has no owner", repository)
	}
	return &Package{repository: repository, owner: owner, path: path, github: api, reader: reader, jobs: client.Jobs, ids: map[string]int64{}}, nil
}

// Scan implements Store.
func (p *Package) Scan(ctx context.Context) ([]Manifest, error) {
	versions, err := p.list(patient(ctx))
	if err != nil {
		return nil, err
	}
	if versions == nil {
		return nil, p.hidden(ctx)
	}
	var manifests []*Manifest
	ids := map[string]int64{}
	for _, v := range versions {
		if !strings.HasPrefix(v.GetName(), "sha256:") {
			continue
		}
		m := &Manifest{Digest: v.GetName(), Tags: tagsOf(v), Date: later(v.GetCreatedAt().Time, v.GetUpdatedAt().Time)}
		if err := checkTags("listing versions of "+p.repository, m.Tags); err != nil {
			return nil, err
		}
		ids[m.Digest] = v.GetID()
		manifests = append(manifests, m)
	}
	p.mu.Lock()
	p.ids = ids
	p.mu.Unlock()
	err = each(ctx, p.jobs, manifests, func(ctx context.Context, m *Manifest) error {
		c, there, err := p.reader.read(ctx, m.Digest, "")
		m.Children, m.Subject, m.Missing = c.children, c.subject, !there
		return err
	})
	list := make([]Manifest, 0, len(manifests))
	for _, m := range manifests {
		list = append(list, *m)
	}
	return list, err
}

// hidden is the error when GitHub says that there is no package, and the registry has tags of it: GitHub answers so about what a
// token may not see.
func (p *Package) hidden(ctx context.Context) error {
	tags, err := p.reader.puller.List(ctx, p.reader.repo)
	switch {
	case status(err) == http.StatusNotFound:
		return nil
	case err != nil:
		return p.reader.explain("listing tags of", err)
	case len(tags) == 0:
		return nil
	}
	return p.stop(fmt.Errorf("listing versions of %s: 404 Not Found, but the registry has %s of it: the token may not see them", p.repository, progress.Count(len(tags), "tag")))
}

// stop is a refusal that only an administrator of the package can end.
func (p *Package) stop(err error) error {
	return stopHere(fault.New(fault.Delivery, err, p.settings(), "gh auth refresh --scopes=read:packages,delete:packages"))
}

// settings is the page on which a workflow's token gets its role: there is no call for it.
func (p *Package) settings() string {
	owners := "users/"
	if p.organization() {
		owners = "orgs/"
	}
	return "xdg-open https://github.com/" + owners + p.owner + "/packages/container/" + p.escaped() + "/settings   # Manage Actions access: add the repository with the role Admin"
}

// explain adds the page to what a workflow's token may not do.
func (p *Package) explain(doing string, err error) error {
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && ofWorkflow(answer) {
		return stopHere(fault.New(fault.Delivery, access.Answered(doing, answer.Response, answer.Message), permissions, p.settings()))
	}
	return p.github.explain(doing, err)
}

// list reads all pages until two readings agree: a version that somebody deletes between two pages moves another one from the
// second to the first, where nobody sees it.
func (p *Package) list(ctx context.Context) ([]*github.PackageVersion, error) {
	var before []string
	for range listings {
		versions, pages, err := p.pages(ctx)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, v := range versions {
			names = append(names, v.GetName())
		}
		slices.Sort(names)
		if pages <= 1 || slices.Equal(names, before) && len(slices.Compact(slices.Clone(names))) == len(names) {
			return versions, nil
		}
		before = names
	}
	return nil, fmt.Errorf("listing versions of %s: they change all the time", p.repository)
}

// pages returns nil for a package that does not exist, or that the token may not see.
func (p *Package) pages(ctx context.Context) (versions []*github.PackageVersion, pages int, err error) {
	organization, err := p.github.organization(ctx, p.owner)
	if err != nil {
		return nil, 0, err
	}
	options := &github.PackageListOptions{State: github.Ptr("active"), ListOptions: github.ListOptions{PerPage: pageSize}}
	for {
		var page []*github.PackageVersion
		var resp *github.Response
		if organization {
			page, resp, err = p.github.client.Organizations.PackageGetAllVersions(ctx, p.owner, "container", p.path, options)
		} else {
			page, resp, err = p.github.client.Users.PackageGetAllVersions(ctx, p.owner, "container", p.escaped(), options)
		}
		if resp != nil && resp.StatusCode == http.StatusNotFound {
			return nil, 0, nil
		}
		if err != nil {
			return nil, 0, p.explain("listing versions of "+p.repository, err)
		}
		versions, pages = append(versions, page...), pages+1
		p.mu.Lock()
		p.scopes = resp.Header.Get("X-OAuth-Scopes")
		p.mu.Unlock()
		if options.Page = resp.NextPage; options.Page == 0 {
			return versions, pages, nil
		}
	}
}

// escaped is the name for those functions of the client that take it as it is.
func (p *Package) escaped() string { return strings.ReplaceAll(p.path, "/", "%2F") }

func tagsOf(v *github.PackageVersion) []string {
	metadata, ok := v.GetMetadata()
	if !ok || metadata.Container == nil {
		return nil
	}
	tags := slices.Clone(metadata.Container.Tags)
	slices.Sort(tags)
	return tags
}

// later is the later one: a new tag of an old version makes it young again.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Begin implements Store. Only of a personal token it is known what it may do.
func (p *Package) Begin(context.Context, []Manifest) (func(context.Context) error, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.scopes != "" && !strings.Contains(p.scopes, "delete:packages") {
		return nil, stopEverywhere(needScope(p.repository, p.scopes))
	}
	return func(context.Context) error { return nil }, nil
}

// Delete implements Store.
func (p *Package) Delete(ctx context.Context, m Manifest) error {
	ctx = patient(ctx)
	p.mu.Lock()
	id := p.ids[m.Digest]
	p.mu.Unlock()
	resp, err := p.deleteVersion(before(ctx, func() error { return p.unmoved(ctx, m, id) }), id)
	switch {
	case errors.Is(err, ErrGone):
		return ErrGone
	case errors.Is(err, ErrMoved):
		return ErrMoved
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return p.gone(ctx, m, id)
	case err != nil:
		return p.explain("deleting "+short(m.Digest)+" from "+p.repository, err)
	}
	return nil
}

func (p *Package) deleteVersion(ctx context.Context, id int64) (*github.Response, error) {
	if p.organization() {
		return p.github.client.Organizations.PackageDeleteVersion(ctx, p.owner, "container", p.path, id)
	}
	return p.github.client.Users.PackageDeleteVersion(ctx, p.owner, "container", p.escaped(), id)
}

// unmoved returns ErrMoved when the version has a tag that the manifest given does not have, and ErrGone when it is not there.
func (p *Package) unmoved(ctx context.Context, m Manifest, id int64) error {
	version, resp, err := p.get(ctx, id)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return ErrGone
	}
	if err != nil {
		return p.explain("reading "+short(m.Digest)+" of "+p.repository, err)
	}
	for _, tag := range tagsOf(version) {
		if !slices.Contains(m.Tags, tag) {
			return ErrMoved
		}
	}
	return nil
}

// gone tells a version that somebody else has deleted from one that the token may see and not delete, which GitHub may answer alike.
func (p *Package) gone(ctx context.Context, m Manifest, id int64) error {
	_, resp, err := p.get(ctx, id)
	doing := "deleting " + short(m.Digest) + " from " + p.repository
	switch {
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return ErrGone
	case err != nil:
		return p.explain(doing, err)
	}
	return p.stop(fmt.Errorf("%s: 404 Not Found, though it is there: the token may not delete it", doing))
}

func (p *Package) get(ctx context.Context, id int64) (*github.PackageVersion, *github.Response, error) {
	if p.organization() {
		return p.github.client.Organizations.PackageGetVersion(ctx, p.owner, "container", p.path, id)
	}
	return p.github.client.Users.PackageGetVersion(ctx, p.owner, "container", p.escaped(), id)
}

// organization is known since the first listing.
func (p *Package) organization() bool {
	p.github.mu.Lock()
	defer p.github.mu.Unlock()
	return p.github.kinds[p.owner]
}

// Remove implements Remover.
func (p *Package) Remove(ctx context.Context) error {
	var resp *github.Response
	var err error
	if ctx = patient(ctx); p.organization() {
		resp, err = p.github.client.Organizations.DeletePackage(ctx, p.owner, "container", p.path)
	} else {
		resp, err = p.github.client.Users.DeletePackage(ctx, p.owner, "container", p.escaped())
	}
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return p.explain("deleting "+p.repository, err)
	}
	return nil
}
