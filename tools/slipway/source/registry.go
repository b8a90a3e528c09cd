package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
)

// Registry opens blobs of repositories in OCI registries, the layers of a base image for example
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs). Each repository has one client, which
// authenticates with its first blob. It must not be copied after its first Open.
type Registry struct {
	// Repositories names those that may have the blob, "registry.example/library/debian", in the order to ask. A blob
	// without one is absent.
	Repositories func(blob plan.Blob) []string
	Keychain     authn.Keychain // nil is nobody
	PlainHTTP    []string       // hosts, with port, that speak no TLS; loopback ones need not be named
	Timeout      time.Duration  // of one silent wait; 0 is 60 s

	Transport http.RoundTripper // nil is one that uses the environment's proxies

	mu      sync.Mutex
	clients map[string]*remote
	out     map[string]error // repositories that cannot be read at all
	own     *http.Transport  // nil while Transport is used
}

// Open implements Blobs.
func (r *Registry) Open(ctx context.Context, blob plan.Blob) (io.ReadCloser, error) {
	raw, err := r.openFrom(ctx, blob, 0)
	if err != nil {
		return nil, err
	}
	return Verify(raw, blob), nil
}

// openFrom implements resumer. One repository that cannot be read at all is not asked again, and is no reason against another
// one: no error is an EndpointError.
func (r *Registry) openFrom(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error) {
	var failures []error
	for _, repository := range r.Repositories(blob) {
		client, err := r.client(repository)
		var reader io.ReadCloser
		if err == nil {
			reader, err = client.openFrom(ctx, blob, offset)
		}
		if err == nil {
			return reader, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			failures = append(failures, r.failed(repository, err))
		}
	}
	if len(failures) > 0 {
		return nil, errors.Join(failures...)
	}
	return nil, fmt.Errorf("opening blob %s in registries: %w", blob.Digest, fs.ErrNotExist)
}

// Close ends idle connections but those of a Transport that it was given.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own != nil {
		r.own.CloseIdleConnections()
	}
	return nil
}

// failed remembers a repository that cannot be read at all.
func (r *Registry) failed(repository string, err error) error {
	var endpoint *EndpointError
	if !errors.As(err, &endpoint) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out == nil {
		r.out = map[string]error{}
	}
	r.out[repository] = fmt.Errorf("reading from %s: %w", endpoint.Endpoint, endpoint.Err)
	return r.out[repository]
}

func (r *Registry) client(repository string) (*remote, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.out[repository]; err != nil {
		return nil, err
	}
	if c, ok := r.clients[repository]; ok {
		return c, nil
	}
	repo, err := r.parse(repository)
	if err != nil {
		return nil, fmt.Errorf("opening blobs of repository %q: %w", repository, err)
	}
	if r.clients == nil {
		r.clients = map[string]*remote{}
	}
	fetcher := &registryFetcher{repository: repo, keychain: r.Keychain, transport: r.transport(), busy: make(chan struct{}, 1)}
	c := &remote{fetcher: fetcher, endpoint: fmt.Sprintf("repository %q", repository), timeout: r.Timeout}
	r.clients[repository] = c
	return c, nil
}

// transport runs with r.mu held.
func (r *Registry) transport() http.RoundTripper {
	if r.Transport != nil {
		return r.Transport
	}
	if r.own == nil {
		r.own = newTransport()
		r.own.Proxy = http.ProxyFromEnvironment
	}
	return r.own
}

func (r *Registry) parse(repository string) (name.Repository, error) {
	repo, err := name.NewRepository(repository)
	if err == nil && (slices.Contains(r.PlainHTTP, repo.RegistryStr()) || plan.Loopback(repo.RegistryStr())) {
		return name.NewRepository(repository, name.Insecure)
	}
	return repo, err
}

// registryFetcher is one repository.
type registryFetcher struct {
	repository name.Repository
	keychain   authn.Keychain
	transport  http.RoundTripper

	busy  chan struct{} // holds one token while blobs is made or read
	blobs *httpFetcher  // nil until somebody authenticated
}

// fetch implements fetcher.
func (f *registryFetcher) fetch(ctx context.Context, blob plan.Blob, offset int64) (io.ReadCloser, error) {
	blobs, err := f.authenticated(ctx)
	if err != nil {
		return nil, err
	}
	return blobs.fetch(ctx, blob, offset)
}

// authenticated asks for the token of the repository, once.
func (f *registryFetcher) authenticated(ctx context.Context) (*httpFetcher, error) {
	select {
	case f.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-f.busy }()
	if f.blobs != nil {
		return f.blobs, nil
	}
	auth := authn.Anonymous
	if f.keychain != nil {
		var err error
		if auth, err = authn.Resolve(ctx, f.keychain, f.repository); err != nil {
			return nil, fmt.Errorf("looking for credentials: %w", err)
		}
	}
	wrapped, err := transport.NewWithContext(ctx, f.repository.Registry, auth, f.transport, []string{f.repository.Scope(transport.PullScope)})
	if err != nil {
		return nil, refusedToken(err)
	}
	f.blobs = &httpFetcher{
		client: &http.Client{Transport: wrapped}, account: &account{},
		address: func(hex string) string {
			return fmt.Sprintf("%s://%s/v2/%s/blobs/sha256:%s", f.repository.Scheme(), f.repository.RegistryStr(), f.repository.RepositoryStr(), hex)
		},
	}
	return f.blobs, nil
}

// refusedToken keeps what the registry answered to itself but for the status: it may echo what was sent.
func refusedToken(err error) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return connectionError(err)
	}
	status := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	return &failure{err: errors.New("authenticating: " + status), transient: answer.Temporary()}
}
