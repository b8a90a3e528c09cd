package prune

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Client is how registries are spoken to.
type Client struct {
	Transport *Limits
	Keychain  authn.Keychain // anonymous when nil
	Jobs      int            // requests at the same time
}

// Repository is a Store behind the distribution API: https://github.com/opencontainers/distribution-spec/blob/main/spec.md.
//
// The API lists tags alone. Manifests without one are found from those with one: as parts of indexes, and by the referrers
// API where there is one. Those that a run is about to lose sight of are in its journal.
type Repository struct {
	name   string
	repo   name.Repository
	client Client
	http   *http.Client // with a token
	puller *remote.Puller
	pusher *remote.Pusher

	noReferrers atomic.Bool // the registry lacks the API
	mu          sync.Mutex
	contents    map[string]content
	referrers   map[string][]string
	known       map[string]bool // untagged manifests that have been seen, or that a journal names
	tags        map[string]bool // of the last scan
}

// OpenRepository asks for a token to read, or to delete, and nothing else.
func OpenRepository(ctx context.Context, client Client, repository string, deletes bool) (*Repository, error) {
	repo, err := parseRepository(repository)
	if err != nil {
		return nil, err
	}
	r := &Repository{
		name: repository, repo: repo, client: client,
		contents: map[string]content{}, referrers: map[string][]string{}, known: map[string]bool{},
	}
	scope := repo.Scope("pull")
	if deletes {
		scope = repo.Scope("pull,push,delete") // push: the journal
	}
	wrapped, err := client.authenticate(ctx, repo, repo.Registry, scope)
	if err != nil {
		return nil, r.explain("reading", err)
	}
	r.http = &http.Client{Transport: wrapped}
	if r.puller, err = remote.NewPuller(remote.WithTransport(wrapped), remote.WithJobs(client.Jobs)); err != nil {
		return nil, err
	}
	r.pusher, err = remote.NewPusher(remote.WithTransport(wrapped), remote.WithJobs(client.Jobs))
	return r, err
}

func parseRepository(repository string) (name.Repository, error) {
	if plan.Loopback(hostOf(repository)) {
		return name.NewRepository(repository, name.Insecure)
	}
	return name.NewRepository(repository)
}

func (c Client) authenticate(ctx context.Context, target authn.Resource, registry name.Registry, scope string) (http.RoundTripper, error) {
	auth := authn.Anonymous
	if c.Keychain != nil {
		var err error
		if auth, err = authn.Resolve(ctx, c.Keychain, target); err != nil {
			return nil, err
		}
	}
	return transport.NewWithContext(ctx, registry, auth, c.Transport, []string{scope})
}

func (r *Repository) explain(doing string, err error) error {
	return explain(doing+" "+r.name, hostOf(r.name), err)
}

// Scan implements Store.
func (r *Repository) Scan(ctx context.Context) ([]Manifest, error) {
	tags, err := r.puller.List(ctx, r.repo)
	if status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, r.explain("listing tags of", err)
	}
	if err := checkTags("listing tags of "+r.name, tags); err != nil {
		return nil, err
	}
	r.setTags(tags)
	if slices.Contains(tags, journalTag) {
		if err := r.readJournal(ctx); err != nil {
			return nil, err
		}
	}
	s := &scan{Repository: r, found: map[string]*Manifest{}}
	if err := s.resolve(ctx, tags); err != nil {
		return nil, err
	}
	if err := s.follow(ctx); err != nil {
		return nil, err
	}
	return s.list(), nil
}

func (r *Repository) setTags(tags []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags = map[string]bool{}
	for _, tag := range tags {
		r.tags[tag] = true
	}
}

// each runs do for all items, as many at the same time as the client may.
func each[T any](ctx context.Context, jobs int, items []T, do func(context.Context, T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, jobs))
	for _, item := range items {
		group.Go(func() error { return do(ctx, item) })
	}
	return group.Wait()
}

// read returns the content of a manifest, from memory when it has been read before; false when it is not there. tag is another
// way to it, which some registries still know when the digest has been deleted; it may be empty.
func (r *Repository) read(ctx context.Context, digest, tag string) (content, bool, error) {
	r.mu.Lock()
	c, ok := r.contents[digest]
	r.mu.Unlock()
	if ok {
		return c, true, nil
	}
	got, err := r.puller.Get(ctx, r.repo.Digest(digest))
	if status(err) == http.StatusNotFound && tag != "" {
		got, err = r.puller.Get(ctx, r.repo.Tag(tag))
	}
	switch {
	case status(err) == http.StatusNotFound || err == nil && got.Digest.String() != digest:
		return content{}, false, nil
	case err != nil:
		return content{}, false, r.explain("reading "+short(digest)+" of", err)
	}
	if c, err = parse(got.Manifest); err != nil {
		return content{}, false, fmt.Errorf("reading %s of %s: %w", short(digest), r.name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents[digest] = c
	return c, true, nil
}

// attached asks the referrers API, once for each manifest:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers.
func (r *Repository) attached(ctx context.Context, digest string) ([]string, error) {
	r.mu.Lock()
	list, known := r.referrers[digest]
	r.mu.Unlock()
	if known || r.noReferrers.Load() {
		return list, nil
	}
	next := fmt.Sprintf("%s://%s/v2/%s/referrers/%s", r.repo.Scheme(), r.repo.RegistryStr(), r.repo.RepositoryStr(), digest)
	for next != "" {
		page, following, err := r.referrersPage(ctx, next)
		if err != nil {
			return nil, r.explain("listing what is attached to "+short(digest)+" in", err)
		}
		list, next = append(list, page...), following
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.referrers[digest] = list
	return list, nil
}

func (r *Repository) referrersPage(ctx context.Context, target string) (list []string, next string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, "", err
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	// The specification wants 404 from a registry that lacks the API and an empty list from any other.
	err = transport.CheckError(resp, http.StatusOK, http.StatusNotFound, http.StatusBadRequest, http.StatusNotAcceptable, http.StatusMethodNotAllowed)
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode != http.StatusOK {
		r.noReferrers.Store(true)
		return nil, "", nil
	}
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&index); err != nil {
		return nil, "", err
	}
	for _, d := range index.Manifests {
		list = append(list, d.Digest)
	}
	next, err = nextPage(resp)
	return list, next, err
}
