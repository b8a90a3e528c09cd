package registry

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/kubernaut/kubernaut/tools/slipway/plan"
	"github.com/kubernaut/kubernaut/tools/slipway/progress"
	"github.com/kubernaut/kubernaut/tools/slipway/source"
)

// session is one authenticated connection to one registry, for all images that go there.
type session struct {
	registry string // host of the registry, for messages
	jobs     int
	blobs    source.Blobs
	progress progress.Reporter
	meter    *meter
	puller   *remote.Puller
	pusher   *remote.Pusher
	outcomes []*state
}

// open asks for one token with the scopes of all repositories. actions is "pull" or "push,pull".
func (p *Pusher) open(ctx context.Context, images []Image, actions string) (*session, error) {
	first := images[0]
	repo, err := name.NewRepository(first.Repository)
	if err != nil {
		return nil, err
	}
	s := &session{registry: hostOf(first.Repository), jobs: p.Jobs, blobs: p.Blobs, progress: p.Progress}
	if s.jobs <= 0 {
		s.jobs = defaultJobs
	}
	s.meter = newMeter(p.transport(), repo.RegistryStr(), p.plain(s.registry))
	auth, err := p.authenticator(ctx, repo)
	if err != nil {
		return nil, s.explain(first, err)
	}
	wrapped, err := transport.NewWithContext(ctx, repo.Registry, auth, &retry{inner: s.meter, backoff: p.Backoff}, scopes(images, actions))
	if err != nil {
		return nil, s.explain(first, err)
	}
	options := []remote.Option{
		remote.WithTransport(wrapped), remote.WithJobs(s.jobs),
		remote.WithRetryPredicate(retryUpload), remote.WithRetryBackoff(uploadBackoff(p.Backoff)),
	}
	if s.puller, err = remote.NewPuller(options...); err != nil {
		return nil, err
	}
	s.pusher, err = remote.NewPusher(options...)
	return s, err
}

// close adds what the session did to result, whether it succeeded or not.
func (s *session) close(result *Result) {
	result.Requests += s.meter.requests.Load()
	result.BytesSent += s.meter.sent.Load()
	result.BytesReceived += s.meter.received.Load()
	for _, st := range s.outcomes {
		st.count(result)
	}
	s.meter.CloseIdleConnections()
}

func (p *Pusher) authenticator(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	if p.Keychain == nil {
		return authn.Anonymous, nil
	}
	return authn.Resolve(ctx, p.Keychain, repo)
}

func (p *Pusher) plain(host string) bool {
	for _, h := range p.PlainHTTP {
		if h == host {
			return true
		}
	}
	return plan.Loopback(host)
}

// scopes are https://distribution.github.io/distribution/spec/auth/scope/, each repository once.
func scopes(images []Image, actions string) []string {
	var list []string
	seen := map[string]bool{}
	for _, image := range images {
		repo, err := name.NewRepository(image.Repository)
		if err != nil || seen[repo.RepositoryStr()] {
			continue
		}
		seen[repo.RepositoryStr()] = true
		list = append(list, repo.Scope(actions))
	}
	return list
}

// points reports whether ref is there and has the digest. An answer without a usable digest counts as no: what follows is
// right in either case. So does 403, which some registries give for a repository that does not exist yet; a token that
// cannot write is found out by the upload.
func (s *session) points(ctx context.Context, ref name.Reference, digest string) (bool, error) {
	got, err := s.puller.Head(ctx, ref)
	if err == nil {
		return got.Digest.String() == digest, nil
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusForbidden {
			return false, nil
		}
		return false, err
	}
	if unreachable(err) || ctx.Err() != nil {
		return false, err
	}
	return false, nil
}

// hostOf is the registry's host and port as the user wrote them.
func hostOf(repository string) string {
	host, _, _ := strings.Cut(repository, "/")
	return host
}
