package prune_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/test/ghcr"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/prune"
)

// backEnd is a repository in a running registry.
type backEnd interface {
	fill(t *testing.T, w *world)
	open(t *testing.T) prune.Store // by new connections, as another process would
	state(t *testing.T, w *world) state
	onDelete(func())                              // called after each deletion; nil to stop that
	onRequest(func(*http.Request) *http.Response) // may answer in the server's place
}

// hooked is a connection that tells of deletions, and may answer in the server's place.
type hooked struct {
	hook   atomic.Pointer[func()]
	answer func(*http.Request) *http.Response // nil, or returning nil, to ask the server
}

func (h *hooked) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.answer != nil {
		if resp := h.answer(r); resp != nil {
			resp.Request, resp.Body = r, http.NoBody
			return resp, nil
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if hook := h.hook.Load(); hook != nil && r.Method == http.MethodDelete && resp != nil && resp.StatusCode < 300 {
		(*hook)()
	}
	return resp, err
}

func (h *hooked) onDelete(hook func()) {
	h.hook.Store(nil)
	if hook != nil {
		h.hook.Store(&hook)
	}
}

func (h *hooked) onRequest(answer func(*http.Request) *http.Response) { h.answer = answer }

func (h *hooked) client(keychain authn.Keychain) prune.Client {
	return prune.Client{Transport: &prune.Limits{Inner: h, Progress: progress.Discard()}, Keychain: keychain, Jobs: 8}
}

// distribution is a registry with the distribution API alone, go-containerregistry's.
type distribution struct {
	hooked
	repo name.Repository
}

func newDistribution(t *testing.T) *distribution {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	return distributionAt(t, strings.TrimPrefix(server.URL, "http://"))
}

func distributionAt(t *testing.T, host string) *distribution {
	t.Helper()
	repo, err := name.NewRepository(host + "/k/gateway")
	if err != nil {
		t.Fatal(err)
	}
	return &distribution{repo: repo}
}

func (d *distribution) fill(t *testing.T, w *world) {
	w.push(t, d.repo, &http.Client{Transport: http.DefaultTransport})
}

func (d *distribution) open(t *testing.T) prune.Store {
	t.Helper()
	store, err := prune.OpenRepository(t.Context(), d.client(nil), d.repo.Name(), true)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (d *distribution) state(t *testing.T, w *world) state {
	t.Helper()
	s := state{Tags: map[string]string{}}
	for _, i := range w.items {
		if d.head(t, i.digest) != "" {
			s.Manifests = append(s.Manifests, i.digest)
		}
	}
	slices.Sort(s.Manifests)
	tags, err := remote.List(d.repo)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range tags {
		s.Tags[tag] = d.head(t, tag)
	}
	return s
}

// head returns the digest, "" when it is not there.
func (d *distribution) head(t *testing.T, reference string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodHead, address(d.repo, reference), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", imageType+", "+indexType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("Docker-Content-Digest")
}

// packageOf is a package of a registry with GitHub's habits.
type packageOf struct {
	hooked
	server *ghcr.Server
	repo   name.Repository
	token  string
}

const (
	packageName = "kubernaut/kubernaut/gateway"
	rightToken  = "the right token"
)

func newPackage(t *testing.T, options ghcr.Options) *packageOf {
	t.Helper()
	options.Accounts = append(options.Accounts, ghcr.Workflow("kubernaut/kubernaut", rightToken))
	server, err := ghcr.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	repo, err := name.NewRepository(server.Host + "/" + packageName)
	if err != nil {
		t.Fatal(err)
	}
	return &packageOf{server: server, repo: repo, token: rightToken}
}

// login is a token for all registries.
type login string

func (l login) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: "me", Password: string(l)}), nil
}

func (p *packageOf) fill(t *testing.T, w *world) {
	t.Helper()
	auth, _ := login(rightToken).Resolve(nil)
	wrapped, err := transport.NewWithContext(t.Context(), p.repo.Registry, auth, http.DefaultTransport, []string{p.repo.Scope("push,pull")})
	if err != nil {
		t.Fatal(err)
	}
	w.push(t, p.repo, &http.Client{Transport: wrapped})
	for _, i := range w.items {
		p.server.SetTime(packageName, i.digest, i.date)
	}
}

func (p *packageOf) open(t *testing.T) prune.Store {
	t.Helper()
	store, err := p.tryOpen(t)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (p *packageOf) tryOpen(t *testing.T) (prune.Store, error) {
	t.Helper()
	client := p.client(login(p.token))
	api, err := prune.NewGitHub(p.server.API, p.token, client.Transport)
	if err != nil {
		t.Fatal(err)
	}
	return prune.OpenPackage(t.Context(), client, api, p.repo.Name())
}

func (p *packageOf) state(*testing.T, *world) state {
	s := state{Tags: map[string]string{}}
	for _, v := range p.server.Versions(packageName) {
		s.Manifests = append(s.Manifests, v.Digest)
		for _, tag := range v.Tags {
			s.Tags[tag] = v.Digest
		}
	}
	slices.Sort(s.Manifests)
	return s
}
